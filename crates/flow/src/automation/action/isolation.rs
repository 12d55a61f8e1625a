//! Whether a script only computes.
//!
//! An isolated script runs in a sandbox that has no network and no credentials; since it can reach nothing, it may be
//! repeated after a crash without asking anyone. The sandbox enforces that; this scan only decides who is sent there,
//! so its mistakes are harmless in one direction (a script that needs the world fails clearly) and merely cautious in
//! the other (a script that only computes is treated as one that acts). It is therefore simple and conservative: every
//! line that speaks of importing must be a plain import of known computing modules, and no word may appear, even in a
//! text or comment, that could reach a module by another way.

/// Modules that compute.
const COMPUTING: [&str; 21] = [
    "json",
    "re",
    "datetime",
    "math",
    "ipaddress",
    "itertools",
    "functools",
    "collections",
    "hashlib",
    "base64",
    "random",
    "string",
    "textwrap",
    "decimal",
    "fractions",
    "copy",
    "enum",
    "typing",
    "dataclasses",
    "time",
    "uuid",
];
const COMPUTING_TOO: [&str; 4] = ["statistics", "operator", "zlib", "__future__"];

/// Words that can reach what no import names.
const FORBIDDEN: [&str; 24] = [
    "__import__",
    "__builtins__",
    "__loader__",
    "__globals__",
    "__subclasses__",
    "__class__",
    "__base__",
    "__bases__",
    "__mro__",
    "__dict__",
    "eval",
    "exec",
    "compile",
    "open",
    "importlib",
    "globals",
    "locals",
    "vars",
    "builtins",
    "modules",
    "os",
    "sys",
    "subprocess",
    "socket",
];

/// Whether the script provably imports nothing but computing modules.
pub(crate) fn is_isolated(script: &str) -> bool {
    // `re.compile` makes a pattern, not code.
    let code = script.replace("re.compile(", "re.pattern(");
    if words(&code)
        .any(|word| FORBIDDEN.contains(&word) || FORBIDDEN.contains(&word.trim_start_matches('_')))
    {
        return false;
    }
    script.lines().all(line_is_harmless)
}

fn line_is_harmless(line: &str) -> bool {
    let line = line.trim();
    if line.starts_with('#') || !words(line).any(|word| word == "import") {
        return true;
    }
    let code = line.split('#').next().unwrap_or(line).trim();
    if code.contains([';', '\\', ':']) {
        return false;
    }
    if let Some(rest) = code.strip_prefix("import ") {
        return rest
            .split(',')
            .all(|part| is_computing(part.split_whitespace().next().unwrap_or_default()));
    }
    if let Some(rest) = code.strip_prefix("from ") {
        // A name with a leading underscore may be a module that the computing module itself imported.
        let Some((module, names)) = rest.split_once(" import ") else {
            return false;
        };
        return is_computing(module.trim()) && !words(names).any(|name| name.starts_with('_'));
    }
    false
}

fn is_computing(module: &str) -> bool {
    let top = module.split('.').next().unwrap_or_default();
    COMPUTING.contains(&top) || COMPUTING_TOO.contains(&top)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scan_table() {
        let cases = [
            (
                "import json\ndef f(events, context):\n  return json.loads(events['a'])",
                true,
            ),
            (
                "from datetime import datetime, timezone\nimport re, math as m\nimport collections.abc",
                true,
            ),
            ("from json import (\n  loads,\n  dumps)\n", true),
            ("def f(e, c): return e", true),
            ("# nothing to import here\nx = 1", true),
            ("import re\np = re.compile('a+')", true),
            ("compile('1', '', 'exec')", false),
            ("import boto3", false),
            ("import json\nimport zlib", true),
            ("import json, boto3", false),
            ("import json; import boto3", false),
            ("import json, \\\n boto3", false),
            ("if True: import boto3", false),
            ("    import requests", false),
            ("from random import _os", false),
            ("from botocore import session", false),
            ("__import__('boto3')", false),
            ("getattr(__builtins__, 'o' + 'pen')", false),
            ("eval('1')", false),
            ("open('/etc/passwd')", false),
            ("import importlib", false),
            ("json.codecs.sys.modules", false),
            ("random._os.system('x')", false),
            ("x = 'import boto3'", false),
            ("import\tboto3", false),
        ];
        for (script, expected) in cases {
            assert_eq!(is_isolated(script), expected, "{script}");
        }
    }

    /// A kill in the middle of a shipped containment must need no person: each of its scripts only computes.
    #[test]
    fn shipped_playbooks_compute_only() {
        let folder = format!("{}/../../playbooks", env!("CARGO_MANIFEST_DIR"));
        for path in std::fs::read_dir(folder).unwrap() {
            let path = path.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "yaml") {
                continue;
            }
            let name = path.display();
            let text = std::fs::read_to_string(&path).unwrap();
            let imports = |line: &&str| {
                let line = line.trim();
                line.starts_with("import ")
                    || (line.starts_with("from ") && line.contains(" import "))
            };
            for line in text.lines().filter(imports) {
                assert!(is_isolated(line), "{name}: {line}");
            }
            assert!(text.contains("aws:executeScript"), "{name}");
        }
    }
}
