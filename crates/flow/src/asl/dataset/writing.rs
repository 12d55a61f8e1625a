//! Results to files: what is kept of each execution, files of bounded size, and the manifest that names them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::asl::definition::Transformation;

/// Bytes of one file of results, as far as one result does not have more.
pub(crate) const MAX_FILE: usize = 2_097_152;

/// A file that has been written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// `SUCCEEDED`, `FAILED` or `PENDING`.
    pub(crate) class: String,
    pub(crate) key: String,
    /// In bytes.
    pub(crate) size: u64,
}

/// A file in the making.
#[derive(Debug)]
pub(crate) struct Composer {
    /// A result in each line, instead of an array.
    lines: bool,
    body: String,
}

impl Composer {
    pub(crate) fn new(lines: bool) -> Self {
        Self {
            lines,
            body: String::new(),
        }
    }

    /// Whether another result of so many bytes belongs into the next file.
    pub(crate) fn is_full_for(&self, bytes: usize) -> bool {
        !self.body.is_empty() && self.body.len() + bytes > MAX_FILE
    }

    pub(crate) fn add(&mut self, result: &str) {
        if !self.lines {
            self.body
                .push_str(if self.body.is_empty() { "[" } else { "," });
        }
        self.body.push_str(result);
        if self.lines {
            self.body.push('\n');
        }
    }

    /// The file; `None` when nothing was added.
    pub(crate) fn finish(mut self) -> Option<String> {
        if self.body.is_empty() {
            return None;
        }
        if !self.lines {
            self.body.push(']');
        }
        Some(self.body)
    }
}

/// What is kept of an execution: `record` describes it, `output` is the JSON text of what it gave, if it ended well.
pub(crate) fn kept(
    transformation: Transformation,
    record: impl FnOnce() -> Value,
    output: Option<&str>,
) -> Vec<Value> {
    let Some(output) = output.filter(|_| transformation != Transformation::None) else {
        return vec![record()];
    };
    let output: Value = serde_json::from_str(output).unwrap_or_default();
    match output {
        Value::Array(items) if transformation == Transformation::Flatten => items,
        other => vec![other],
    }
}

/// Where the files of a map run are: below the prefix, by the run's id. Each redrive has a folder of its own: a file that
/// is written late never takes the place of a newer one.
pub(crate) fn folder(prefix: &str, (run, redrives): (&str, u32)) -> String {
    let mut folder = prefix.trim_end_matches('/').to_owned();
    if !folder.is_empty() {
        folder.push('/');
    }
    folder.push_str(run);
    if redrives > 0 {
        folder.push_str(&format!("/redrive-{redrives}"));
    }
    folder
}

/// The key of a file of results.
pub(crate) fn key(folder: &str, (class, number): (&str, u32), lines: bool) -> String {
    let end = if lines { "jsonl" } else { "json" };
    format!("{folder}/{class}_{number}.{end}")
}

/// The manifest: which files there are.
pub(crate) fn manifest(bucket: &str, map_run_arn: &str, files: &[Written]) -> String {
    let of = |class: &str| -> Value {
        files
            .iter()
            .filter(|file| file.class == class)
            .map(|file| json!({"Key": file.key, "Size": file.size}))
            .collect()
    };
    json!({
        "DestinationBucket": bucket,
        "MapRunArn": map_run_arn,
        "ResultFiles": {
            "FAILED": of("FAILED"),
            "PENDING": of("PENDING"),
            "SUCCEEDED": of("SUCCEEDED"),
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_arrays_or_lines_of_bounded_size() {
        for (lines, want) in [(false, "[1,{\"a\":2}]"), (true, "1\n{\"a\":2}\n")] {
            let mut file = Composer::new(lines);
            file.add("1");
            file.add("{\"a\":2}");
            assert_eq!(file.finish().as_deref(), Some(want));
        }
        let mut file = Composer::new(false);
        assert!(!file.is_full_for(MAX_FILE * 2));
        file.add("1");
        assert!(file.is_full_for(MAX_FILE));
        assert_eq!(Composer::new(true).finish(), None);
    }

    #[test]
    fn what_is_kept_depends_on_the_transformation() {
        let record = || json!({"Name": "x"});
        let cases = [
            (Transformation::None, Some("[1,2]"), json!([{"Name": "x"}])),
            (Transformation::Compact, Some("[1,2]"), json!([[1, 2]])),
            (Transformation::Flatten, Some("[1,2]"), json!([1, 2])),
            (Transformation::Flatten, Some("{}"), json!([{}])),
            (Transformation::Flatten, None, json!([{"Name": "x"}])),
        ];
        for (transformation, output, want) in cases {
            assert_eq!(Value::from(kept(transformation, record, output)), want);
        }
    }

    #[test]
    fn the_manifest_names_all_files() {
        assert_eq!(folder("a/b/", ("run", 0)), "a/b/run");
        assert_eq!(folder("", ("run", 0)), "run");
        assert_eq!(folder("a", ("run", 2)), "a/run/redrive-2");
        let key = key("a/run", ("FAILED", 1), true);
        assert_eq!(key, "a/run/FAILED_1.jsonl");
        let file = Written {
            class: "FAILED".to_owned(),
            key,
            size: 3,
        };
        let manifest: Value = serde_json::from_str(&manifest("b", "arn", &[file])).expect("JSON");
        let want = json!({"DestinationBucket": "b", "MapRunArn": "arn", "ResultFiles": {
            "FAILED": [{"Key": "a/run/FAILED_1.jsonl", "Size": 3}], "PENDING": [], "SUCCEEDED": []}});
        assert_eq!(manifest, want);
    }
}
