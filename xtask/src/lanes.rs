//! Work side by side: what two lanes do is shown line by line as it comes, each line with the lane that it is from.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::shell::Result;

thread_local! {
    /// The lane that this thread works in, and whether one of those beside it failed; none while nothing else goes on.
    static LANE: RefCell<Option<(&'static str, Arc<AtomicBool>)>> = const { RefCell::new(None) };
}

/// Why a lane stopped that did not fail itself.
const STOPPED: &str = "not begun, because something else failed";

/// A piece of work with the name of its lane.
pub(crate) type Lane<'a, T> = (&'static str, Box<dyn FnOnce() -> Result<T> + Send + 'a>);

/// Runs all of these at once and gives what they gave, in the same order; or the first failure, once all have ended.
pub(crate) fn together<T: Send>(lanes: Vec<Lane<'_, T>>) -> Result<Vec<T>> {
    let failed = Arc::new(AtomicBool::new(false));
    let results: Vec<Result<T>> = thread::scope(|scope| {
        let mut running = Vec::new();
        for (name, work) in lanes {
            let failed = failed.clone();
            running.push(scope.spawn(move || {
                LANE.set(Some((name, failed.clone())));
                let done = work();
                if let Err(why) = &done
                    && !failed.swap(true, Ordering::Relaxed)
                {
                    // Now, and once more at the end: the others end after the stage that they are in.
                    say(&format!("FAILED, the others end after what they are at: {why}"));
                }
                done
            }));
        }
        running.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err("a lane panicked".to_owned()))).collect()
    });
    let (mut given, mut failures) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => given.push(value),
            Err(why) => failures.push(why),
        }
    }
    // Who only stopped says nothing about the cause.
    let own = failures.iter().position(|why| !why.ends_with(STOPPED)).unwrap_or(0);
    if failures.is_empty() { Ok(given) } else { Err(failures.swap_remove(own)) }
}

/// What stands before each line that this thread shows: another thread that shows lines for it is given this.
pub(crate) fn prefix() -> String {
    LANE.with_borrow(|lane| lane.as_ref().map(|(name, _)| format!("{name:<8}│ ")).unwrap_or_default())
}

/// Shows one line.
pub(crate) fn say(line: &str) {
    show(&prefix(), line);
}

/// Shows one line after a [`prefix`].
pub(crate) fn show(prefix: &str, line: &str) {
    if cfg!(test) {
        return;
    }
    // That nobody reads on is no reason to stop what one does.
    drop(writeln!(std::io::stdout(), "{prefix}{line}"));
}

/// Runs one stage, printing its name before and its time after.
pub(crate) fn stage<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if LANE.with_borrow(|lane| lane.as_ref().is_some_and(|(_, failed)| failed.load(Ordering::Relaxed))) {
        return Err(format!("{name}: {STOPPED}"));
    }
    say(&format!("== {name}"));
    let begun = Instant::now();
    let done = work().map_err(|error| format!("{name}: {error}"))?;
    say(&format!("== {name}: ok, {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_give_in_order_and_run_at_once() -> Result<()> {
        let (send, receive) = std::sync::mpsc::channel();
        // The first ends only once the second has begun.
        let first = move || receive.recv_timeout(std::time::Duration::from_secs(60)).map_err(|error| error.to_string());
        let given = together(vec![
            ("first", Box::new(first) as Box<dyn FnOnce() -> Result<i32> + Send>),
            ("second", Box::new(move || send.send(1).map(|()| 2).map_err(|error| error.to_string()))),
        ])?;
        assert_eq!(given, [1, 2]);
        Ok(())
    }

    #[test]
    fn a_lane_that_fails_stops_the_others_and_its_error_is_given() {
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let lanes: Vec<Lane<'_, ()>> = vec![
            // Begins its stage only once the other lane has failed.
            (
                "stops",
                Box::new(move || {
                    let _ = receive.recv();
                    while !LANE
                        .with_borrow(|lane| lane.as_ref().is_some_and(|(_, failed)| failed.load(Ordering::Relaxed)))
                    {
                        thread::yield_now();
                    }
                    stage("later", || Err("this ran".to_owned()))
                }),
            ),
            (
                "fails",
                Box::new(move || {
                    drop(send);
                    stage("now", || Err("red".to_owned()))
                }),
            ),
        ];
        assert_eq!(together(lanes), Err("now: red".to_owned()));
    }
}
