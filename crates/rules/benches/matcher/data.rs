//! The events and rules, made by their scripts the first time.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Events as lines of text, and where everything was found.
pub(crate) struct Data {
    made: PathBuf,
    scripts: PathBuf,
    events: String,
}

/// A rule with how many events match it.
#[derive(Clone)]
pub(crate) struct RuleSet {
    pub(crate) pattern: String,
    pub(crate) matches: usize,
}

/// The data, or `None` if its scripts are not at hand.
pub(crate) fn load() -> Option<Data> {
    let shared = std::env::var_os("QUELL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let scripts = shared.join("bench/matcher");
    if !scripts.join("gen_citylots_like.py").is_file() {
        println!(
            "not run: no scripts at {}; set QUELL_SHARED",
            scripts.display()
        );
        return None;
    }
    let made = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("matcher");
    std::fs::create_dir_all(&made).expect("a folder in target");
    if !made.join("rules_mixed.jsonl").is_file() {
        python(
            &scripts,
            &made,
            &["gen_citylots_like.py", "citylots2.jsonl", "citylots1.jsonl"],
        );
        python(&scripts, &made, &["genrules.py"]);
    }
    let events = read(&made.join("citylots2.jsonl"));
    Some(Data {
        made,
        scripts,
        events,
    })
}

fn python(scripts: &Path, made: &Path, arguments: &[&str]) {
    let (script, rest) = arguments.split_first().expect("a script");
    let done = Command::new("python3")
        .arg(scripts.join(script))
        .args(rest)
        .current_dir(made)
        .status();
    assert!(done.is_ok_and(|status| status.success()), "{script} failed");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Data {
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.events.lines().collect()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.events.len()
    }

    /// The published sets, and two of them all: without and with `COMPLEX_ARRAYS`.
    pub(crate) fn sets(&self) -> Vec<(String, Vec<RuleSet>)> {
        let text = read(&self.scripts.join("citylots_rulesets.json"));
        let file: Value = serde_json::from_str(&text).expect("rule sets");
        let mut sets = Vec::new();
        let (mut partial, mut combo) = (Vec::new(), Vec::new());
        for (name, rules) in file.as_object().expect("rule sets by name") {
            let rules: Vec<RuleSet> = rules.as_array().into_iter().flatten().map(rule).collect();
            if name != "COMPLEX_ARRAYS" {
                partial.extend(rules.iter().cloned());
            }
            combo.extend(rules.iter().cloned());
            sets.push((name.clone(), rules));
        }
        sets.push(("PARTIAL_COMBO".to_owned(), partial));
        sets.push(("COMBO".to_owned(), combo));
        sets
    }

    /// The first rules of a generated file.
    pub(crate) fn rules(&self, name: &str, count: usize) -> Vec<String> {
        let text = read(&self.made.join(format!("rules_{name}.jsonl")));
        text.lines().take(count).map(str::to_owned).collect()
    }
}

fn rule(value: &Value) -> RuleSet {
    let matches = value["published_matches"].as_u64().expect("a count");
    RuleSet {
        pattern: value["pattern"].to_string(),
        matches: usize::try_from(matches).expect("a count"),
    }
}
