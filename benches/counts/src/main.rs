//! Runs one path, for valgrind to count: `capsule-counts PATH`.

use std::{env, error::Error};

use capsule_counts::{EVENTS, PATHS, counted};

fn main() -> Result<(), Box<dyn Error>> {
    let name = env::args().nth(1).unwrap_or_default();
    let path = PATHS.iter().find(|path| path.name == name);
    let path = path.ok_or_else(|| format!("no path `{name}`"))?;
    let mut run = (path.prepare)()?;
    run(EVENTS)?;
    Ok(counted(&mut run, EVENTS)?)
}
