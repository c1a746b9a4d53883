//! Capsules that are replaced while the host runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use capsule_host::{
    Condition, Decision, Draft, ErrorKind, Filter, Host, HostBuilder, Outcome, Pattern, Principal,
    Received, ReloadError, StepVerdict, SubscribeOptions, Subscription, Topic,
    broker::{Answer, HookName},
    config::{HostConfig, QuarantineSettings},
    registry::{Change, Entry, Reload, State},
};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use support::{Capsules, capsule, wat};

/// Asks an external hook `gate` about everything, before any other.
const GATE: &str = "manifest_version = 1\n[capsule]\nname = \"gate\"\nversion = \"0.1.0\"\n\
                    hook = \"gate\"\n[[interceptor]]\nevent = \">\"\naction = \"hold\"\n\
                    priority = 1\ntimeout_ms = 60000\n";

/// Puts a capsule into `dir` of a capsules directory, over what is there.
fn put(root: &Path, dir: &str, name: &str, version: &str, guest: &str, rest: &str) {
    let dir = root.join(dir);
    fs::create_dir_all(&dir).unwrap();
    let manifest = format!(
        "manifest_version = 1\n[capsule]\nname = \"{name}\"\nversion = \"{version}\"\n\
         module = \"m.wasm\"\n[[interceptor]]\nevent = \">\"\naction = \"act\"\n{rest}\n"
    );
    fs::write(dir.join("Capsule.toml"), manifest).unwrap();
    fs::write(dir.join("m.wasm"), wat::wasm(guest)).unwrap();
}

fn start(capsules: &Capsules) -> Host {
    let builder = Host::builder().capsules(capsules.path());
    builder.no_cache().start().unwrap()
}

fn draft() -> Draft {
    Draft::new(Topic::new("tool.run").unwrap())
        .with_principal(Principal::new("alice").unwrap())
        .with_payload("{}")
}

async fn ask(host: &Host) -> Outcome {
    host.request(draft()).await.unwrap()
}

/// The verdict, and what a `count` guest has counted.
fn said(outcome: &Outcome) -> String {
    match &outcome.decision {
        Decision::Final { by, response } => format!("{by} {}", response[0]),
        Decision::Deny { by, .. } => format!("{by} denies"),
        Decision::Continue { .. } => "passes".to_owned(),
    }
}

/// What was reloaded: one line for each capsule, without what is wrong.
fn lines(reload: &Reload) -> Vec<String> {
    let of = |version: &Option<_>| {
        version
            .as_ref()
            .map_or("-".to_owned(), |v: &_| format!("{v}"))
    };
    let lines = reload.capsules.iter().map(|reloaded| {
        let what = match &reloaded.change {
            Change::Unchanged { version } => format!("unchanged {version}"),
            Change::Loaded { version } => format!("loaded {version}"),
            Change::Updated { from, to } => format!("updated {from} {to}"),
            Change::Removed { version } => format!("removed {version}"),
            Change::Failed { version, kept, .. } => {
                format!("failed {} keeps {}", of(version), of(kept))
            }
            other => format!("{other:?}"),
        };
        format!("{} {what}", reloaded.capsule)
    });
    lines.collect()
}

fn lifecycle(host: &Host) -> Subscription {
    let own = Pattern::new("host.capsule.*").unwrap();
    let wanted = Filter::everything().any([Condition::Pattern(own)]);
    host.subscribe(SubscribeOptions::new("lifecycle").with_filter(wanted))
}

/// The events there are: the last word of the topic and the payload, without
/// the text of an error.
fn told(events: &mut Subscription) -> Vec<(String, Value)> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|received| match received {
            Received::Item(message) => {
                let mut payload: Value = serde_json::from_slice(&message.payload).unwrap();
                if let Some(error) = payload.as_object_mut().unwrap().remove("error") {
                    assert!(error.is_string());
                }
                let topic = message.event.topic.as_str();
                (topic.rsplit('.').next().unwrap().to_owned(), payload)
            }
            lost => panic!("{lost:?}"),
        })
        .collect()
}

fn entry(host: &Host, name: &str) -> Arc<Entry> {
    let capsules = host.capsules();
    let mut entries = capsules.entries().iter();
    entries.find(|entry| entry.name() == name).unwrap().clone()
}

/// Rule: reload builds the next generation beside the running one and swaps it
/// in one step: a chain sees one generation from start to end; in-flight work
/// finishes on the old one, which then goes.
#[tokio::test]
async fn what_is_under_way_finishes_on_the_old_capsules_which_then_go() {
    let capsules = Capsules::new().with_file("gate/Capsule.toml", GATE);
    put(&capsules.path(), "guard", "guard", "0.1.0", "deny", "");
    let host = start(&capsules);
    let mut gate = host
        .hooks()
        .subscribe(HookName::new("gate").unwrap())
        .unwrap();
    let old = match &entry(&host, "guard").state {
        State::Loaded(capsule) => Arc::downgrade(capsule),
        other => panic!("{other:?}"),
    };

    let held = TaskTracker::new().spawn({
        let host = host.clone();
        async move { ask(&host).await }
    });
    let request = gate.recv().await.unwrap();
    put(&capsules.path(), "guard", "guard", "0.2.0", "pass", "");
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        ["gate unchanged 0.1.0", "guard updated 0.1.0 0.2.0"]
    );
    assert!(old.upgrade().is_some(), "the event under way needs it");
    let id = request.reply_to.unwrap().hook_id;
    assert!(gate.respond(id, Answer::new()).accepted);
    let outcome = held.await.unwrap();
    assert_eq!(said(&outcome), "guard denies", "as when it was taken in");
    drop(outcome);
    assert!(old.upgrade().is_none(), "nobody needs it any more");

    let answering = async {
        let id = gate.recv().await.unwrap().reply_to.unwrap().hook_id;
        gate.respond(id, Answer::new())
    };
    let (outcome, _) = tokio::join!(ask(&host), answering);
    assert_eq!(said(&outcome), "passes", "as it is now");
}

/// Rule: a chain sees one generation from start to end, and no event is lost,
/// however many are under way while capsules are replaced.
#[tokio::test(flavor = "multi_thread")]
async fn no_event_meets_half_of_each_generation() {
    let capsules = Capsules::new();
    // What a generation is told by: the time-out that its manifests say.
    let replace = |generation: u32| {
        for name in ["first", "second"] {
            let rest = format!("timeout_ms = {}", 5000 + generation);
            put(&capsules.path(), name, name, "0.1.0", "pass", &rest);
        }
    };
    replace(0);
    let host = start(&capsules);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let tasks = TaskTracker::new();
    let publishers: Vec<_> = (0..4)
        .map(|n| {
            let (host, stopped) = (host.clone(), stopped.clone());
            tasks.spawn(async move {
                let mut newest = Duration::ZERO;
                let mut answered = 0;
                while !*stopped.borrow() || answered < 20 {
                    let principal = Principal::new(&format!("p{n}")).unwrap();
                    let outcome = host.request(draft().with_principal(principal)).await;
                    let steps = outcome.unwrap().steps;
                    let times: Vec<_> = steps.iter().map(|s| s.interceptor.timeout).collect();
                    assert_eq!(times.len(), 2);
                    assert_eq!(times[0], times[1], "half of each");
                    assert!(times[0] >= newest, "an older generation came back");
                    newest = times[0];
                    answered += 1;
                }
                newest
            })
        })
        .collect();
    for generation in 1..=5 {
        replace(generation);
        let reload = host.reload().await.unwrap();
        assert_eq!(
            lines(&reload),
            ["first updated 0.1.0 0.1.0", "second updated 0.1.0 0.1.0"]
        );
        let now = host
            .request(draft())
            .await
            .unwrap()
            .steps
            .first()
            .unwrap()
            .interceptor
            .timeout;
        assert_eq!(now.as_millis(), u128::from(5000 + generation));
    }
    stop.send(true).unwrap();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let counted = host.counters();
    assert_eq!(counted.published, counted.admitted, "{counted:?}");
}

/// Rule: a capsule that is what it was keeps its instances and what its
/// quarantine has counted; one that was changed starts anew.
#[tokio::test]
async fn an_unchanged_capsule_keeps_its_instances_and_its_quarantine() {
    let capsules = Capsules::new();
    let root = capsules.path();
    put(&root, "trap", "trap", "0.1.0", "trap", "priority = 1");
    put(&root, "count", "count", "0.1.0", "count", "priority = 2");
    // Longer than any reload takes.
    let quarantine = QuarantineSettings {
        first_ms: 600_000,
        longest_ms: 600_000,
        ..QuarantineSettings::default()
    };
    let builder = HostBuilder::new(HostConfig {
        quarantine,
        ..HostConfig::default()
    });
    let host = builder.capsules(&root).no_cache().start().unwrap();
    let error = |outcome: &Outcome| match outcome.steps.first().unwrap().verdict {
        StepVerdict::Error(error) => error.kind,
        other => panic!("{other:?}"),
    };
    for n in 1..=5 {
        let outcome = ask(&host).await;
        assert_eq!(said(&outcome), format!("count {n}"));
        assert_eq!(error(&outcome), ErrorKind::Trap);
    }
    let kept = entry(&host, "count");

    put(&root, "new", "new", "0.1.0", "pass", "priority = 200");
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        [
            "count unchanged 0.1.0",
            "new loaded 0.1.0",
            "trap unchanged 0.1.0"
        ]
    );
    assert_eq!(reload.unchanged(), 2);
    assert!(Arc::ptr_eq(&kept, &entry(&host, "count")));
    let outcome = ask(&host).await;
    assert_eq!(said(&outcome), "count 6", "the same instance");
    assert_eq!(error(&outcome), ErrorKind::Quarantined);

    put(&root, "trap", "trap", "0.1.1", "trap", "priority = 1");
    put(&root, "count", "count", "0.1.0", "count", "priority = 3");
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        [
            "count updated 0.1.0 0.1.0",
            "new unchanged 0.1.0",
            "trap updated 0.1.0 0.1.1"
        ]
    );
    let outcome = ask(&host).await;
    assert_eq!(said(&outcome), "count 1", "a new instance");
    assert_eq!(error(&outcome), ErrorKind::Trap, "it is asked again");
}

/// Rule: a capsule that fails to load keeps its old version and says so,
/// whatever is wrong with the new one.
#[tokio::test]
async fn a_capsule_that_cannot_be_loaded_keeps_its_old_version_and_says_so() {
    type Breaking = fn(&Path);
    let cases: [(&str, Option<&str>, Breaking); 6] = [
        ("a manifest that is not TOML", None, |dir| {
            fs::write(dir.join("Capsule.toml"), "[capsule").unwrap();
        }),
        ("a manifest that is gone", None, |dir| {
            fs::remove_file(dir.join("Capsule.toml")).unwrap();
        }),
        ("an unknown key", None, |dir| {
            let path = dir.join("Capsule.toml");
            let text = fs::read_to_string(&path).unwrap() + "priorty = 1\n";
            fs::write(path, text).unwrap();
        }),
        ("a module that is gone", Some("0.2.0"), |dir| {
            put(dir, ".", "guard", "0.2.0", "pass", "");
            fs::remove_file(dir.join("m.wasm")).unwrap();
        }),
        ("a module that is none", Some("0.2.0"), |dir| {
            put(dir, ".", "guard", "0.2.0", "pass", "");
            fs::write(dir.join("m.wasm"), "garbage").unwrap();
        }),
        ("an import that is not granted", Some("0.2.0"), |dir| {
            let rest = "[capabilities]\nlog = false";
            put(dir, ".", "guard", "0.2.0", "log", rest);
        }),
    ];
    for (what, version, make_it_fail) in cases {
        let capsules = Capsules::new();
        put(&capsules.path(), "guard", "guard", "0.1.0", "deny", "");
        let host = start(&capsules);
        let old = entry(&host, "guard");
        let mut events = lifecycle(&host);
        make_it_fail(&capsules.path().join("guard"));
        let failed = json!({"capsule": "guard", "version": version, "kept_version": "0.1.0"});
        for _ in 0..2 {
            let reload = host.reload().await.unwrap();
            let want = format!("guard failed {} keeps 0.1.0", version.unwrap_or("-"));
            assert_eq!(lines(&reload), [want], "{what}");
            assert_eq!(reload.failed().count(), 1, "{what}");
            assert_eq!(said(&ask(&host).await), "guard denies", "{what}");
            assert!(Arc::ptr_eq(&old, &entry(&host, "guard")), "{what}");
            assert_eq!(
                told(&mut events),
                [("failed".to_owned(), failed.clone())],
                "{what}"
            );
        }

        put(&capsules.path(), "guard", "guard", "0.3.0", "pass", "");
        let reload = host.reload().await.unwrap();
        assert_eq!(lines(&reload), ["guard updated 0.1.0 0.3.0"], "{what}");
        assert_eq!(said(&ask(&host).await), "passes", "{what}");
    }
}

/// Rule: a guard never lets anything pass by failing: one that is new and
/// cannot be loaded denies, also when its manifest cannot be read any more.
#[tokio::test]
async fn a_new_guard_that_cannot_be_loaded_denies() {
    let capsules = Capsules::new();
    let root = capsules.path();
    put(&root, "pass", "pass", "0.1.0", "pass", "");
    let host = start(&capsules);
    put(
        &root,
        "guard",
        "guard",
        "0.1.0",
        "pass",
        "on_error = \"deny\"",
    );
    fs::write(root.join("guard/m.wasm"), "garbage").unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        ["guard failed 0.1.0 keeps -", "pass unchanged 0.1.0"]
    );
    assert_eq!(said(&ask(&host).await), "guard denies");

    fs::write(root.join("guard/Capsule.toml"), "").unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        ["guard failed - keeps -", "pass unchanged 0.1.0"]
    );
    assert_eq!(said(&ask(&host).await), "guard denies");

    put(
        &root,
        "guard",
        "guard",
        "0.1.1",
        "pass",
        "on_error = \"deny\"",
    );
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        ["guard loaded 0.1.1", "pass unchanged 0.1.0"]
    );
    assert_eq!(said(&ask(&host).await), "passes");
}

/// Rule: lifecycle events under `host.`: capsules are loaded and removed, and
/// nothing is said of one that is what it was.
#[tokio::test]
async fn what_was_added_changed_and_removed_is_told_once() {
    let capsules = Capsules::new();
    let root = capsules.path();
    for name in ["changed", "gone", "same"] {
        put(&root, name, name, "0.1.0", "pass", "");
    }
    let host = start(&capsules);
    let mut events = lifecycle(&host);
    put(&root, "added", "added", "1.0.0", "pass", "");
    put(&root, "changed", "changed", "0.2.0", "pass", "");
    fs::remove_dir_all(root.join("gone")).unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        [
            "added loaded 1.0.0",
            "changed updated 0.1.0 0.2.0",
            "same unchanged 0.1.0",
            "gone removed 0.1.0"
        ]
    );
    let loaded = |name, version, replaced: Option<&str>| {
        let payload = json!({"capsule": name, "version": version, "replaced_version": replaced});
        ("loaded".to_owned(), payload)
    };
    assert_eq!(
        told(&mut events),
        [
            ("removed".to_owned(), json!({"capsule": "gone"})),
            loaded("added", "1.0.0", None),
            loaded("changed", "0.2.0", Some("0.1.0")),
        ]
    );
    let names: Vec<_> = host.capsules().entries().iter().map(|e| e.name()).collect();
    assert_eq!(names, ["added", "changed", "same"]);

    let reload = host.reload().await.unwrap();
    assert_eq!(reload.unchanged(), 3);
    assert_eq!(told(&mut events), []);
}

/// Rule: names are unique, and none is taken over: a directory that comes to
/// want a name gets it when the one that has it is gone.
#[tokio::test]
async fn a_name_stays_with_the_directory_that_has_it() {
    let capsules = Capsules::new();
    let root = capsules.path();
    put(&root, "m", "guard", "0.1.0", "deny", "");
    let host = start(&capsules);
    put(&root, "a", "guard", "6.6.6", "pass", "");
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        ["guard failed 6.6.6 keeps -", "guard unchanged 0.1.0"]
    );
    let error = reload.failed().next().unwrap().to_string();
    assert!(error.contains("`guard` is taken by"), "{error}");
    assert_eq!(said(&ask(&host).await), "guard denies");

    fs::write(root.join("m/Capsule.toml"), "").unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        ["guard failed 6.6.6 keeps -", "guard failed - keeps 0.1.0"],
        "also while its manifest cannot be read"
    );
    assert_eq!(said(&ask(&host).await), "guard denies");

    fs::remove_dir_all(root.join("m")).unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(lines(&reload), ["guard updated 0.1.0 6.6.6"]);
    assert_eq!(said(&ask(&host).await), "passes");
}

/// Rule: a capsule is its name: its directory may be called anything.
#[tokio::test]
async fn a_directory_that_is_renamed_takes_its_capsule_along() {
    let capsules = Capsules::new();
    let root = capsules.path();
    put(&root, "old", "count", "0.1.0", "count", "");
    let host = start(&capsules);
    assert_eq!(said(&ask(&host).await), "count 1");
    let mut events = lifecycle(&host);

    fs::rename(root.join("old"), root.join("new")).unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(lines(&reload), ["count unchanged 0.1.0"]);
    assert_eq!(entry(&host, "count").dir, root.join("new"));
    assert_eq!(said(&ask(&host).await), "count 2", "the same instance");
    assert_eq!(told(&mut events), []);

    fs::rename(root.join("new"), root.join("other")).unwrap();
    fs::write(root.join("other/m.wasm"), "garbage").unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(lines(&reload), ["count failed 0.1.0 keeps 0.1.0"]);
    assert_eq!(said(&ask(&host).await), "count 3", "the same instance");

    put(&root, "other", "renamed", "0.1.0", "pass", "");
    let reload = host.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        ["renamed loaded 0.1.0", "count removed 0.1.0"]
    );
}

/// Rule: a capsules directory that cannot be read changes nothing.
#[tokio::test]
async fn a_directory_that_cannot_be_read_changes_nothing() {
    let capsules = Capsules::new();
    let root = capsules.path();
    put(&root, "guard", "guard", "0.1.0", "deny", "");
    let host = start(&capsules);
    let before = host.capsules();
    let mut events = lifecycle(&host);
    let away = capsules.root().join("away");
    fs::rename(&root, &away).unwrap();
    let error = host.reload().await.unwrap_err();
    assert!(matches!(error, ReloadError::Scan(_)), "{error}");
    assert!(error.to_string().contains("does not exist"), "{error}");
    fs::write(&root, "a file").unwrap();
    let error = host.reload().await.unwrap_err();
    assert!(error.to_string().contains("is not a directory"), "{error}");
    assert!(Arc::ptr_eq(&before, &host.capsules()));
    assert_eq!(said(&ask(&host).await), "guard denies");
    assert_eq!(told(&mut events), []);

    fs::remove_file(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(lines(&reload), ["guard unchanged 0.1.0"]);
}

/// Rule: one reload runs at a time, and the clones of a host share what it
/// loads.
#[tokio::test(flavor = "multi_thread")]
async fn reloads_wait_for_one_another_and_clones_share_what_they_load() {
    let capsules = Capsules::new();
    put(&capsules.path(), "guard", "guard", "0.1.0", "pass", "");
    let host = start(&capsules);
    let clone = host.clone();
    put(&capsules.path(), "guard", "guard", "0.2.0", "deny", "");
    let (one, other) = tokio::join!(host.reload(), clone.reload());
    let mut both = [lines(&one.unwrap()), lines(&other.unwrap())];
    both.sort();
    let want = [["guard unchanged 0.2.0"], ["guard updated 0.1.0 0.2.0"]];
    assert_eq!(both, want, "it is loaded once");
    assert!(Arc::ptr_eq(&host.capsules(), &clone.capsules()));
    assert_eq!(said(&ask(&clone).await), "guard denies");

    put(&capsules.path(), "guard", "guard", "0.3.0", "pass", "");
    let mut dropped = Box::pin(host.reload());
    let polled = futures_util::poll!(&mut dropped);
    assert!(polled.is_pending());
    drop(dropped);
    let reload = clone.reload().await.unwrap();
    assert_eq!(
        lines(&reload),
        ["guard unchanged 0.3.0"],
        "one that was begun comes to its end"
    );
}

/// Rule: `capsule run` reloads on `SIGHUP`; every line is still answered, in
/// its place.
#[test]
fn a_hangup_reloads_the_binary() {
    let capsules = Capsules::new();
    let root = capsules.path();
    put(&root, "guard", "guard", "0.1.0", "deny", "");
    put(&root, "other", "other", "0.1.0", "pass", "");
    let mut child = capsule(&["run", "--no-cache", "--format", "text", "--capsules"])
        .arg(&root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = child.stdin.take().unwrap();
    let mut outcomes = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut logs = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut ask = || {
        writeln!(events, r#"{{"topic":"a.b"}}"#).unwrap();
        outcomes.next().unwrap().unwrap()
    };
    let pid = rustix::process::Pid::from_child(&child);
    let hang_up = || rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();

    assert!(ask().starts_with("deny"));
    put(&root, "guard", "guard", "0.2.0", "pass", "");
    fs::write(root.join("other/m.wasm"), "garbage").unwrap();
    hang_up();
    let said: Vec<_> = logs.by_ref().take(3).map(Result::unwrap).collect();
    assert!(said[0].contains("other 0.1.0 stays: "), "{said:?}");
    assert_eq!(said[1], "reloaded: 1 changed, 1 failed, 0 unchanged");
    assert_eq!(said[2], "  guard 0.2.0 replaces 0.1.0");
    assert!(ask().starts_with("continue"));

    fs::rename(&root, capsules.root().join("away")).unwrap();
    hang_up();
    let said = logs.next().unwrap().unwrap();
    assert!(said.starts_with("warning: nothing is reloaded: "), "{said}");
    assert!(ask().starts_with("continue"));
    drop(events);
    assert!(child.wait().unwrap().success());
    assert!(outcomes.next().is_none());
}
