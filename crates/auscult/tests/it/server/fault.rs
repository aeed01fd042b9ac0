//! A server that is killed at any moment loses nothing that it acknowledged.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use auscult_model::Sha256;

use super::support::{Server, busybox, databases};
use crate::support::{auscult, code, stderr, stdout, text};

/// Kills on each of the two databases, 50 in all.
const KILLS: usize = 25;
/// How long a busy machine may take for what is waited for.
const PATIENCE: Duration = Duration::from_mins(15);

/// Uploads one build after the other until the server is gone, counts what it acknowledged, and
/// returns it.
fn upload_until_killed(
    server: &Server,
    key: &str,
    product: &str,
    round: usize,
    heard: &AtomicUsize,
) -> Vec<(String, Sha256)> {
    let client = server.as_key(key);
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let body = busybox(&format!("1.{round}.{number}"));
        let path = format!("/api/v1/products/{product}/builds?label={round}-{number}");
        let Some(said) = client.try_upload(&path, &body) else { break };
        // A server that is being killed may cut an answer off, but it never says that it failed.
        assert_eq!(said.status, 201, "{}", said.body);
        let Ok(view) = serde_json::from_str::<serde_json::Value>(&said.body) else { break };
        let id = view["id"].as_str().expect("an id").to_owned();
        acknowledged.push((id, Sha256::of(&body)));
        heard.store(acknowledged.len(), Ordering::Relaxed);
    }
    acknowledged
}

/// Waits until so many were heard, however long that takes on a busy machine, and then a moment
/// that nobody knows.
fn await_moment(heard: &AtomicUsize, count: usize) {
    let start = Instant::now();
    while heard.load(Ordering::Relaxed) < count {
        assert!(start.elapsed() < PATIENCE, "nothing is acknowledged");
        std::thread::sleep(Duration::from_millis(3));
    }
    std::thread::sleep(Duration::from_millis(RandomState::new().build_hasher().finish() % 60));
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    for (database, folder) in databases() {
        let mut server = Server::start(&database, folder.path());
        let root = server.set_up();
        let product = server.as_session(&root).product("Pump");
        let key = server.as_session(&root).key(&["read", "upload"]);
        let mut acknowledged: BTreeMap<String, Sha256> = BTreeMap::new();
        for round in 0..KILLS {
            let count = AtomicUsize::new(0);
            let heard = std::thread::scope(|scope| {
                let (asked, key, product) = (&server, key.as_str(), product.as_str());
                let told = &count;
                let uploads =
                    scope.spawn(move || upload_until_killed(asked, key, product, round, told));
                // Also in the midst of the first one.
                await_moment(&count, round % 3);
                asked.kill_now();
                uploads.join().expect("the uploads end")
            });
            acknowledged.extend(heard);
            server.kill();
            server = Server::start(&database, folder.path());
        }
        assert!(acknowledged.len() >= KILLS / 2, "only {} were heard", acknowledged.len());
        let client = server.as_key(&key);
        let deadline = Instant::now() + PATIENCE;
        for (id, sha256) in &acknowledged {
            let ask = || client.get(&format!("/api/v1/builds/{id}?wait=60")).json();
            let mut view = ask();
            while matches!(view["state"].as_str(), Some("queued" | "inspecting")) {
                assert!(Instant::now() < deadline, "the builds are not inspected in time");
                view = ask();
            }
            assert_eq!(view["input_sha256"], sha256.to_string(), "{view}");
            assert_eq!(view["state"], "ready", "{view}");
        }
        assert_eq!(server.stop(), Some(0));
        let checked = auscult(&["doctor", "--database", &database, "--data", text(folder.path())]);
        assert_eq!(code(&checked), 0, "{}{}", stdout(&checked), stderr(&checked));
    }
}
