//! Reading one state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map as Object, Value};

use super::fields::Fields;
use super::read::{Place, Reader};
use super::{
    Kind, Language, MachineType, Number, Selection, State, Task, Text, Until, check, mapping,
};
use crate::asl::integration::Integration;

const TYPES: [&str; 8] = [
    "Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map",
];

/// Longest wait and longest time limit, in seconds (the service's limit).
const MAX_SECONDS: u64 = 99_999_999;

/// Names of the states around, with their positions.
pub(super) type Names<'a> = BTreeMap<&'a str, usize>;

/// Reads a state; `None` when its kind cannot even be told. Problems go to the reader.
pub(super) fn read(
    reader: &mut Reader,
    (name, body): (&str, &Value),
    (place, names): (&Place, &Names<'_>),
) -> Option<State> {
    let at = format!("{}/States/{name}", place.at);
    let Value::Object(map) = body else {
        reader.problem(&at, "A state must be an object");
        return None;
    };
    let mut fields = Fields::new(map, &at, &mut reader.problems);
    fields.required("Type");
    let kind = fields.text("Type")?;
    if !TYPES.contains(&kind.as_str()) {
        let message = format!(
            "The field 'Type' should have one of these values: [{}]",
            TYPES.join(", ")
        );
        fields.refuse("Type", message);
        return None;
    }
    let machine = (place.language == Language::Jsonata).then_some(Language::Jsonata);
    let language = fields.language(machine);
    fields.only(&allowed(&kind, language));
    let next = next(&mut fields, &kind, names);
    let common = Common {
        language,
        input_path: fields.selection("InputPath"),
        output_path: fields.selection("OutputPath"),
        result_path: fields.result_path(),
        assign: fields.template("Assign", language),
        output: fields.template("Output", Language::Jsonata),
    };
    assigned_names(&mut fields);
    let retry = fields.retriers();
    let catch = fields.catchers(language, names);
    let kind = self::kind(reader, &kind, (map, &at), (place, names, language))?;
    Some(State {
        name: name.to_owned(),
        language: common.language,
        kind,
        next,
        input_path: common.input_path,
        output_path: common.output_path,
        result_path: common.result_path,
        assign: common.assign,
        output: common.output,
        retry,
        catch,
    })
}

struct Common {
    language: Language,
    input_path: Selection,
    output_path: Selection,
    result_path: Selection,
    assign: Option<crate::asl::template::Template>,
    output: Option<crate::asl::template::Template>,
}

/// The fields that a state of this type may have in this language.
fn allowed(kind: &str, language: Language) -> Vec<&'static str> {
    let mut fields = vec!["Type", "Comment", "QueryLanguage"];
    let json_path = language == Language::JsonPath;
    if !matches!(kind, "Choice" | "Succeed" | "Fail") {
        fields.extend(["Next", "End"]);
    }
    if !matches!(kind, "Succeed" | "Fail") {
        fields.push("Assign");
    }
    if kind != "Fail" {
        fields.extend(if json_path {
            &["InputPath", "OutputPath"][..]
        } else {
            &["Output"]
        });
    }
    if matches!(kind, "Task" | "Parallel" | "Map") {
        fields.extend(["Retry", "Catch"]);
        if json_path {
            fields.extend(["ResultSelector", "ResultPath", "Parameters"]);
        } else if kind != "Map" {
            fields.push("Arguments");
        }
    }
    fields.extend(match (kind, json_path) {
        ("Pass", true) => &["Result", "Parameters", "ResultPath"][..],
        ("Task", true) => &["TimeoutSecondsPath", "HeartbeatSecondsPath"],
        ("Choice", _) => &["Choices", "Default"],
        ("Wait", true) => &["Seconds", "Timestamp", "SecondsPath", "TimestampPath"],
        ("Wait", false) => &["Seconds", "Timestamp"],
        ("Fail", true) => &["Error", "Cause", "ErrorPath", "CausePath"],
        ("Fail", false) => &["Error", "Cause"],
        ("Parallel", _) => &["Branches"],
        ("Map", true) => &[
            "ItemsPath",
            "MaxConcurrencyPath",
            "ToleratedFailureCountPath",
            "ToleratedFailurePercentagePath",
        ],
        ("Map", false) => &["Items"],
        _ => &[],
    });
    fields.extend(match kind {
        "Task" => &[
            "Resource",
            "TimeoutSeconds",
            "HeartbeatSeconds",
            "Credentials",
        ][..],
        "Map" => &mapping::FIELDS,
        _ => &[],
    });
    fields
}

/// The state behind: `Next` or `End`, exactly one of them, where the type has them.
fn next(fields: &mut Fields<'_, '_>, kind: &str, names: &Names<'_>) -> Option<usize> {
    if matches!(kind, "Choice" | "Succeed" | "Fail") {
        return None;
    }
    let ends = fields.flag("End").unwrap_or(false);
    match (fields.has("Next"), ends) {
        (true, true) => fields.refuse("", "Only one of these fields may be set: [Next, End]"),
        (false, false) => fields.refuse("", "One of these fields is required: [Next, End]"),
        _ => {}
    }
    if fields.has("Next") {
        return fields.target("Next", names);
    }
    None
}

impl Fields<'_, '_> {
    /// The position of the state that a field names.
    pub(super) fn target(&mut self, field: &str, names: &Names<'_>) -> Option<usize> {
        let value = self.get(field)?;
        let found = value.as_str().and_then(|name| names.get(name)).copied();
        if found.is_none() {
            check::missing_target(self.problems, field, Some(value), &self.at);
        }
        found
    }
}

/// Checks the names in `Assign` of a state, a rule or a catcher.
pub(super) fn assigned_names(fields: &mut Fields<'_, '_>) {
    let Some(Value::Object(assigned)) = fields.get("Assign") else {
        if fields.has("Assign") {
            fields.refuse("Assign", "The field 'Assign' must be an object");
        }
        return;
    };
    for key in assigned.keys() {
        let name = key.strip_suffix(".$").unwrap_or(key);
        let begins = name
            .chars()
            .next()
            .is_some_and(|c| c.is_alphabetic() || c == '_');
        let fits = begins
            && name.chars().count() <= 80
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            && name != "states";
        if !fits {
            fields.refuse("Assign", format!("'{name}' is not a valid variable name"));
        }
    }
}

fn kind(
    reader: &mut Reader,
    kind: &str,
    (map, at): (&Object<String, Value>, &str),
    (place, names, language): (&Place, &Names<'_>, Language),
) -> Option<Kind> {
    let machine_type = reader.kind;
    let mut fields = Fields::new(map, at, &mut reader.problems);
    Some(match kind {
        "Pass" => Kind::Pass {
            result: fields.get("Result").cloned(),
            parameters: fields.template("Parameters", language),
        },
        "Task" => Kind::Task(Box::new(task(&mut fields, language, machine_type)?)),
        "Choice" => {
            fields.required("Choices");
            let rules = fields.rules(language, names);
            let default = if fields.has("Default") {
                fields.target("Default", names)
            } else {
                None
            };
            Kind::Choice { rules, default }
        }
        "Wait" => Kind::Wait(wait(&mut fields, language)?),
        "Succeed" => Kind::Succeed,
        "Fail" => Kind::Fail {
            error: fields.text_or_path("Error", language),
            cause: fields.text_or_path("Cause", language),
        },
        "Parallel" => {
            let arguments = arguments(&mut fields, language);
            let selector = fields.template("ResultSelector", language);
            let branches = branches(reader, (map, at), place);
            Kind::Parallel {
                branches,
                arguments,
                selector,
            }
        }
        _ => Kind::Map(Box::new(mapping::map(
            reader,
            (map, at),
            (place, language),
        )?)),
    })
}

fn arguments(
    fields: &mut Fields<'_, '_>,
    language: Language,
) -> Option<crate::asl::template::Template> {
    match language {
        Language::JsonPath => fields.template("Parameters", language),
        Language::Jsonata => fields.template("Arguments", language),
    }
}

fn task(fields: &mut Fields<'_, '_>, language: Language, kind: MachineType) -> Option<Task> {
    fields.required("Resource");
    let resource = fields.text("Resource")?;
    let unsupported = kind == MachineType::Express && express_resource(fields, &resource);
    if let (false, Err(reason)) = (unsupported, Integration::parse(&resource)) {
        fields.refuse("Resource", reason);
    }
    let timeout = fields.whole_or_path("TimeoutSeconds", language, (1, MAX_SECONDS));
    let heartbeat = fields.whole_or_path("HeartbeatSeconds", language, (1, MAX_SECONDS));
    if let (Some(Number::Fixed(heartbeat)), Some(Number::Fixed(timeout))) = (&heartbeat, &timeout)
        && heartbeat >= timeout
    {
        let message = "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'";
        fields.refuse("", message);
    }
    Some(Task {
        resource,
        arguments: arguments(fields, language),
        selector: fields.template("ResultSelector", language),
        timeout,
        heartbeat,
        role: role(fields, language),
    })
}

/// Notes a resource that an Express machine cannot have.
fn express_resource(fields: &mut Fields<'_, '_>, resource: &str) -> bool {
    let unsupported = if resource.contains(":activity:") {
        "Activity ARN"
    } else if resource.ends_with(".waitForTaskToken") {
        "'.waitForTaskToken' service integration "
    } else if resource.ends_with(".sync") || resource.ends_with(".sync:2") {
        "'.sync' service integration"
    } else {
        return false;
    };
    fields.refuse(
        "Resource",
        format!("Express state machine does not support {unsupported}"),
    );
    true
}

/// `Credentials`: the role to act as.
fn role(fields: &mut Fields<'_, '_>, language: Language) -> Option<crate::asl::template::Template> {
    let value = fields.get("Credentials")?;
    let known = value
        .as_object()
        .is_some_and(|map| map.contains_key("RoleArn") || map.contains_key("RoleArn.$"));
    if !known {
        let at = format!("{}/Credentials", fields.at);
        let location = std::mem::replace(&mut fields.at, at);
        fields.refuse("", "The field 'RoleArn' is required but was missing");
        fields.at = location;
        return None;
    }
    fields.template("Credentials", language)
}

fn wait(fields: &mut Fields<'_, '_>, language: Language) -> Option<Until> {
    let names = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
    if names.iter().filter(|name| fields.has(name)).count() != 1 {
        fields.refuse(
            "",
            format!(
                "Exactly one of these fields is required: [{}]",
                names.join(", ")
            ),
        );
        return None;
    }
    if fields.has("Seconds") || fields.has("SecondsPath") {
        return fields
            .whole_or_path("Seconds", language, (0, MAX_SECONDS))
            .map(Until::Seconds);
    }
    let text = fields.text_or_path("Timestamp", language)?;
    if let Text::Fixed(written) = &text
        && instant(written).is_none()
    {
        fields.refuse("Timestamp", "String does not match RFC3339 timestamp");
    }
    Some(Until::Timestamp(text))
}

/// An instant as the service reads it: RFC 3339 with `T` and a zone.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let shape = text.get(10..11) == Some("T") && text.is_ascii() && !text.ends_with('z');
    shape.then(|| text.parse().ok()).flatten()
}

fn branches(
    reader: &mut Reader,
    (map, at): (&Object<String, Value>, &str),
    place: &Place,
) -> Vec<usize> {
    let Some(Value::Array(list)) = map.get("Branches") else {
        reader.problem(at, "These fields are required: [Branches]");
        return Vec::new();
    };
    if list.is_empty() {
        reader.problem(&format!("{at}/Branches"), "Value cannot be empty");
    }
    let mut blocks = Vec::with_capacity(list.len());
    for (n, branch) in list.iter().enumerate() {
        let at = format!("{at}/Branches[{n}]");
        match branch {
            Value::Object(branch) => blocks.push(reader.inner(branch, (&place.inner(at), &[]))),
            _ => reader.problem(&at, "A branch must be an object"),
        }
    }
    blocks
}

impl Place {
    /// A block within a state of this block: a language that one state names says nothing of the states within.
    pub(super) fn inner(&self, at: String) -> Self {
        Self {
            at,
            language: self.language,
            depth: self.depth + 1,
        }
    }
}
