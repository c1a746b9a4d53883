//! A small application that lets other people's code see and veto what it
//! does: a shell for an agent, whose every command meets the capsules first.
//!
//! ```text
//! cargo run -p embed -- target/capsules
//! alice> ls
//! ran `ls`
//! alice> rm -rf /
//! refused by tool-guard: …
//! ```

use std::{
    env,
    io::{self, BufRead, Write},
};

use anyhow::{Context, Result};
use capsule_host::{Decision, Draft, Host, Principal, Topic};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let dir = env::args_os()
        .nth(1)
        .context("usage: embed CAPSULES, the directory of the capsules")?;
    let host = Host::builder().capsules(dir).start()?;
    let (topic, alice) = (Topic::new("tool.execute.shell")?, Principal::new("alice")?);

    let mut out = io::stdout();
    write!(out, "alice> ")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let event = Draft::new(topic.clone())
            .with_principal(alice.clone())
            .with_payload(json!({ "command": line? }).to_string());
        match host.request(event).await?.decision {
            // The payload may not be what was published: what a capsule left
            // of it is what is acted on.
            Decision::Continue { payload } => {
                let call: Value = serde_json::from_slice(&payload)?;
                writeln!(
                    out,
                    "ran `{}`",
                    call.get("command")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                )?;
            }
            Decision::Final { by, response } => {
                writeln!(out, "{by}: {}", String::from_utf8_lossy(&response))?;
            }
            Decision::Deny { by, reason } => writeln!(out, "refused by {by}: {reason}")?,
        }
        write!(out, "alice> ")?;
        out.flush()?;
    }
    host.shutdown().await;
    Ok(())
}
