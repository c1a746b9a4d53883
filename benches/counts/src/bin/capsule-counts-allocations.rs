//! Counts what each path of the core allocates, and prints it as JSON.

use std::{
    error::Error,
    io::{self, Write as _},
};

use capsule_counts::{EVENTS, PATHS, Path, PathError, Tally};

fn main() -> Result<(), Box<dyn Error>> {
    let tallies: Result<Vec<_>, _> = PATHS.iter().map(tally).collect();
    writeln!(io::stdout(), "{}", serde_json::to_string(&tallies?)?)?;
    Ok(())
}

fn tally(path: &Path) -> Result<Tally<'static>, PathError> {
    let mut run = (path.prepare)()?;
    run(EVENTS)?;
    let mut done = Ok(());
    let info = allocation_counter::measure(|| done = run(EVENTS));
    done?;
    Ok(Tally {
        name: path.name,
        about: path.about,
        events: EVENTS,
        allocations: info.count_total,
        bytes: info.bytes_total,
    })
}
