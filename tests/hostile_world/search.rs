//! Looks for steps after which something does not hold: all short ones in a small world, and random long ones. What is
//! found is made shorter before it is shown.

use super::steps::{Act, Dice, Lie, Step};
use super::world::World;

/// What does not hold after some steps, if anything.
pub(super) fn run(steps: &[Step]) -> Result<(), String> {
    let mut world = World::new();
    for (at, step) in steps.iter().enumerate() {
        world.take(*step).map_err(|why| format!("after step {at}: {why}"))?;
    }
    world.check_end().map_err(|why| format!("at the end: {why}"))
}

/// Leaves steps out, and has the relay tell the truth, as long as something still does not hold.
fn shrink(mut steps: Vec<Step>, mut why: String) -> (Vec<Step>, String) {
    loop {
        let shorter = (0..steps.len()).map(|at| {
            let mut fewer = steps.clone();
            fewer.remove(at);
            fewer
        });
        let truer = (0..steps.len()).filter(|at| steps[*at].lie != Lie::None).map(|at| {
            let mut truer = steps.clone();
            truer[at].lie = Lie::None;
            truer
        });
        let simpler: Vec<Vec<Step>> = shorter.chain(truer).collect();
        let Some(found) = simpler.into_iter().find_map(|steps| run(&steps).err().map(|why| (steps, why))) else {
            return (steps, why);
        };
        (steps, why) = found;
    }
}

pub(super) fn must_hold(steps: Vec<Step>, from: &str) {
    let Err(why) = run(&steps) else { return };
    let (steps, why) = shrink(steps, why);
    let shown: Vec<String> = steps.iter().map(|step| format!("    {step:?},")).collect();
    panic!("{from}: {why}\n[\n{}\n]", shown.join("\n"));
}

/// All sequences of some steps, up to a length, after those that begin every one.
pub(super) fn all(begin: &[Step], steps: &[Step], length: usize) {
    let mut at = vec![0; length];
    loop {
        let mut sequence = begin.to_vec();
        sequence.extend(at.iter().map(|n| steps[*n]));
        let from = format!("{at:?}");
        must_hold(sequence, &from);
        let Some(next) = at.iter().rposition(|n| n + 1 < steps.len()) else { return };
        at[next] += 1;
        at[next + 1..].fill(0);
    }
}

/// Random sequences: `worlds` of them, by a seed.
pub(super) fn random(seed: u64, worlds: usize) {
    let mut dice = Dice(seed);
    for world in 0..worlds {
        must_hold(dice.steps(), &format!("seed {seed}, world {world}"));
    }
}

/// A step in which the relay tells the truth.
pub(super) const fn truly(device: usize, act: Act) -> Step {
    Step { device, act, lie: Lie::None }
}
