//! An update that is killed at any point loses nothing.

use std::{
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use auscult_testkit::feeds::{Pace, Vulnerability, lay_out};

use super::{Bench, records};
use crate::support::{code, stderr};

/// Kills in all, in so many mirrors at once.
const KILLS: usize = 200;
const MIRRORS: usize = 4;
const ARGUMENTS: &[&str] = &["--only", "kev,epss,vulnrichment,kernel", "--quiet"];

/// When an update is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// After so many bytes were served.
    Bytes(u64),
    /// After so long.
    Time(Duration),
}

/// Feeds with so many records, which all differ from those with another number.
fn serve(bench: &Bench, count: usize) {
    lay_out(&bench.server, &Vulnerability::some(count));
}

/// Slow enough to be interrupted.
const SLOW: Pace = Pace { bytes: 512, wait: Duration::from_millis(1) };

fn start(bench: &Bench) -> Child {
    let mut command = bench.update_command(ARGUMENTS);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

/// Kills the program at a point; false if it had ended before.
fn kill_at(bench: &Bench, mut child: Child, point: Point) -> bool {
    let (begin, served) = (Instant::now(), bench.server.served());
    loop {
        if child.try_wait().expect("ask for the program").is_some() {
            return false;
        }
        let reached = match point {
            Point::Bytes(bytes) => bench.server.served() - served >= bytes,
            Point::Time(after) => begin.elapsed() >= after,
        };
        if reached {
            // SIGKILL: nothing of the program runs after it.
            child.kill().expect("kill the program");
            child.wait().expect("the program ended");
            return true;
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// The points of a mirror: every other one by bytes, as downloads are in the middle then; spread
/// over all mirrors, so that no two are at the same point. `early` is how often the update ended
/// before it: then the point comes a tenth earlier each time.
fn point(kill: usize, early: u32, mirror: usize, bytes: u64, took: Duration) -> Point {
    let part = u32::try_from((kill / 2) * MIRRORS + mirror).expect("small") * (10 - early);
    let parts = u32::try_from(KILLS / 2).expect("small") * 10;
    if kill.is_multiple_of(2) {
        Point::Bytes(bytes * u64::from(part) / u64::from(parts))
    } else {
        Point::Time(took * part / parts)
    }
}

/// One mirror, killed again and again; tells how often, and how many downloads went on.
fn mirror(number: usize) -> (usize, usize) {
    let bench = Bench::new(&Vulnerability::some(1));
    serve(&bench, 40);
    assert_eq!(code(&bench.update(ARGUMENTS)), 0);
    // How much and how long one whole update is.
    serve(&bench, 41);
    bench.server.pace(Some(SLOW));
    let (begin, served) = (Instant::now(), bench.server.served());
    start(&bench).wait().expect("the program ended");
    let (took, bytes) = (begin.elapsed(), bench.server.served() - served);
    bench.server.forget();
    let (mut killed, mut early, mut old) = (0, 0, 41);
    while killed < KILLS / MIRRORS {
        let new = if old == 41 { 42 } else { 41 };
        serve(&bench, new);
        bench.server.pace(Some(SLOW));
        let point = point(killed, early, number, bytes, took);
        if kill_at(&bench, start(&bench), point) {
            (killed, early) = (killed + 1, 0);
        } else {
            // It was faster than the one that was measured.
            early += 1;
            assert!(early < 10, "{point:?} lies after the end again and again");
        }
        let kept = records(&bench.info(), "kev");
        let whole = [old, new].map(|count| u64::try_from(count).ok());
        assert!(whole.contains(&kept), "{point:?}: {kept:?}");
        bench.server.pace(None);
        let output = bench.update(ARGUMENTS);
        assert_eq!(code(&output), 0, "{point:?}: {}", stderr(&output));
        let info = bench.info();
        for source in ["kev", "epss", "kernel-cna"] {
            assert_eq!(records(&info, source), u64::try_from(new).ok(), "{point:?}: {source}");
        }
        old = new;
    }
    let resumed = bench.server.requests().iter().filter(|request| request.status == 206).count();
    (killed, resumed)
}

#[test]
fn an_update_killed_at_any_of_200_points_loses_nothing_and_is_continued() {
    let begin = Instant::now();
    let (killed, resumed) = thread::scope(|scope| {
        let mirrors: Vec<_> =
            (0..MIRRORS).map(|number| scope.spawn(move || mirror(number))).collect();
        let ended = mirrors.into_iter().map(|mirror| mirror.join().expect("a mirror"));
        ended.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    });
    println!("{killed} kills, {resumed} downloads continued, {:?}", begin.elapsed());
    assert_eq!(killed, KILLS);
    assert!(resumed >= KILLS / 10, "{resumed} downloads continued only");
}
