//! Work that nobody waits for, on threads that step behind all others: whoever opens a page while
//! thousands of builds are judged anew gets the processor first.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::{
    evaluate::processors,
    problem::{Answer, Problem},
};

/// How far they step behind, of 19 that are possible: beside one of the others they get about a tenth.
/// Inspections, which take minutes, are further behind.
const NICE: i32 = 10;

/// These threads; they end with it.
pub(crate) struct Behind(Option<Runtime>);

impl Behind {
    pub(crate) fn start() -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        builder.thread_name("auscult-behind").max_blocking_threads(processors());
        builder.on_thread_start(|| {
            // On Linux that is of the thread alone. One that may not is as fast as the others.
            let _ = rustix::process::nice(NICE);
        });
        builder.build().map(|runtime| Self(Some(runtime)))
    }

    /// Does something that takes long.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let stopped = || Problem::internal(doing, &"the server stops");
        let threads = self.0.as_ref().ok_or_else(stopped)?;
        threads.spawn_blocking(work).await.map_err(|error| Problem::internal(doing, &error))
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        // What is dropped where others wait must not wait itself.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Behind;

    #[test]
    fn work_is_done_behind_the_others_and_a_panic_is_told() {
        let outer = tokio::runtime::Builder::new_current_thread().build().unwrap();
        outer.block_on(async {
            let behind = Behind::start().unwrap();
            let nice = || rustix::process::getpriority_process(None).unwrap();
            let here = nice();
            let there = behind.run("look", nice).await.unwrap();
            assert!(there > here, "{there} is not behind {here}");
            let failed = behind.run("fail", || panic!("as it is meant to")).await;
            assert!(failed.is_err());
            assert_eq!(behind.run("go on", || 5).await.unwrap(), 5);
            assert_eq!(nice(), here);
        });
    }
}
