//! Reading a Map state's own fields.

use serde_json::{Map as Object, Value};

use super::distributed::{Distributed, MAX_LABEL};
use super::fields::Fields;
use super::item_batcher::item_batcher;
use super::item_reader::item_reader;
use super::read::{Place, Reader};
use super::result_writer::result_writer;
use super::{Items, Language, MachineType, Map, Number};
use crate::asl::template::Template;

/// Fields of a Map in both languages.
pub(super) const FIELDS: [&str; 10] = [
    "ItemProcessor",
    "Iterator",
    "ItemSelector",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
];
/// Fields that only a distributed Map may have.
const DISTRIBUTED_ONLY: [&str; 4] = ["ItemReader", "ItemBatcher", "ResultWriter", "Label"];

/// Reads a Map; problems go to the reader.
pub(super) fn map(
    reader: &mut Reader,
    (map, at): (&Object<String, Value>, &str),
    (place, language): (&Place, Language),
) -> Option<Map> {
    let mut fields = Fields::new(map, at, &mut reader.problems);
    fields.at_most_one(&["ItemProcessor", "Iterator"]);
    fields.at_most_one(&["ItemSelector", "Parameters"]);
    let field = if fields.has("Iterator") {
        "Iterator"
    } else {
        "ItemProcessor"
    };
    fields.required(field);
    let items = match language {
        Language::JsonPath if fields.has("ItemsPath") => Items::At(fields.path("ItemsPath")?),
        Language::Jsonata if fields.has("Items") => {
            Items::Given(fields.template("Items", language)?)
        }
        _ => Items::Input,
    };
    let item_selector = fields.template("ItemSelector", language).or_else(|| {
        (language == Language::JsonPath).then(|| fields.template("Parameters", language))?
    });
    let selector = fields.template("ResultSelector", language);
    let concurrency = fields.whole_or_path("MaxConcurrency", language, (0, u64::from(u32::MAX)));
    let tolerated_count =
        fields.whole_or_path("ToleratedFailureCount", language, (0, u64::from(u32::MAX)));
    let tolerated_percentage = fields.number_or_path("ToleratedFailurePercentage", language);
    at_most(
        &mut fields,
        (&tolerated_percentage, "ToleratedFailurePercentage"),
        100,
    );
    let processor = fields.get(field)?;
    let place_of = format!("{at}/{field}");
    let Value::Object(processor) = processor else {
        reader.problem(&place_of, format!("The field '{field}' must be an object"));
        return None;
    };
    let distributed = mode(reader, (map, at), (processor, language))?;
    let children = distributed.as_ref().map(|it| it.execution_type);
    let processor = reader.processor(processor, &place.inner(place_of), children);
    Some(Map {
        processor,
        items,
        item_selector,
        selector,
        concurrency,
        tolerated_count,
        tolerated_percentage,
        distributed,
    })
}

/// `ProcessorConfig` and what depends on it: `Some(None)` for an inline Map, `None` if it cannot be told.
fn mode(
    reader: &mut Reader,
    (map, at): (&Object<String, Value>, &str),
    (processor, language): (&Object<String, Value>, Language),
) -> Option<Option<Distributed>> {
    let field = if map.contains_key("Iterator") {
        "Iterator"
    } else {
        "ItemProcessor"
    };
    let empty = Object::new();
    let config = match processor.get("ProcessorConfig") {
        None => &empty,
        Some(Value::Object(config)) => config,
        Some(_) => {
            let place = format!("{at}/{field}/ProcessorConfig");
            reader.problem(&place, "The field 'ProcessorConfig' must be an object");
            return None;
        }
    };
    let express = reader.kind == MachineType::Express;
    let config_at = format!("{at}/{field}/ProcessorConfig");
    let mut config = Fields::new(config, &config_at, &mut reader.problems);
    config.only(&["Mode", "ExecutionType"]);
    let mode = choice(&mut config, "Mode", &["INLINE", "DISTRIBUTED"]);
    let kind = choice(&mut config, "ExecutionType", &["STANDARD", "EXPRESS"]);
    if mode != Some("DISTRIBUTED") {
        let mut fields = Fields::new(map, at, &mut reader.problems);
        for name in DISTRIBUTED_ONLY {
            if fields.has(name) {
                let message = format!(
                    "Field '{name}' is not supported in a Map of mode 'INLINE': set ProcessorConfig.Mode to 'DISTRIBUTED'"
                );
                fields.refuse(name, message);
            }
        }
        return Some(None);
    }
    if express {
        config.refuse(
            "Mode",
            "Express state machine does not support Map states of mode 'DISTRIBUTED'",
        );
    }
    config.required("ExecutionType");
    let execution_type = match kind? {
        "EXPRESS" => MachineType::Express,
        _ => MachineType::Standard,
    };
    let label = label(reader, (map, at));
    let mut fields = Fields::new(map, at, &mut reader.problems);
    Some(Some(Distributed {
        execution_type,
        label,
        reader: item_reader(&mut fields, language),
        batcher: item_batcher(&mut fields, language),
        writer: result_writer(&mut fields, language),
    }))
}

/// A word out of a few.
pub(super) fn choice(
    fields: &mut Fields<'_, '_>,
    field: &str,
    words: &[&'static str],
) -> Option<&'static str> {
    let given = fields.text(field)?;
    let known = words.iter().copied().find(|word| *word == given);
    if known.is_none() {
        let message = format!(
            "The field '{field}' should have one of these values: [{}]",
            words.join(", ")
        );
        fields.refuse(field, message);
    }
    known
}

/// Notes a fixed number that is no whole one from `least` to `most`.
pub(super) fn whole(
    fields: &mut Fields<'_, '_>,
    (number, field): (&Option<Number>, &str),
    (least, most): (u64, u64),
) {
    if let Some(Number::Fixed(_)) = number {
        fields.seconds(field, (least, most));
    }
}

fn at_most(fields: &mut Fields<'_, '_>, (number, field): (&Option<Number>, &str), most: u32) {
    if let Some(Number::Fixed(fixed)) = number
        && *fixed > f64::from(most)
    {
        fields.refuse(
            field,
            format!("The field '{field}' must be a number from 0 to {most}"),
        );
    }
}

/// `Label`: short, of characters that may stand in an ARN, and of no other Map.
fn label(reader: &mut Reader, (map, at): (&Object<String, Value>, &str)) -> Option<String> {
    let mut fields = Fields::new(map, at, &mut reader.problems);
    let label = fields.text("Label")?;
    if label.is_empty() {
        fields.refuse("Label", "Value cannot be empty");
    }
    if label.chars().count() > MAX_LABEL {
        fields.refuse(
            "Label",
            format!("Label cannot exceed {MAX_LABEL} characters"),
        );
    }
    let refused =
        |c: char| c.is_whitespace() || c.is_control() || "?*<>{}[]:;,\\|^~$#%&`\"/".contains(c);
    if let Some(found) = label.chars().find(|c| refused(*c)) {
        fields.refuse(
            "Label",
            format!("Label cannot contain the character {found:?}"),
        );
    }
    if !reader.labels.insert(label.clone()) {
        let place = format!("{at}/Label");
        reader.problem(&place, format!("Duplicate label: {label}"));
    }
    Some(label)
}

/// One member of a state that is an object, with the pointer to it.
pub(super) fn object<'a>(
    fields: &mut Fields<'a, '_>,
    field: &str,
) -> Option<(&'a Object<String, Value>, String)> {
    match fields.get(field)? {
        Value::Object(map) => Some((map, format!("{}/{field}", fields.at))),
        _ => {
            fields.refuse(field, format!("The field '{field}' must be an object"));
            None
        }
    }
}

/// The name of a call's arguments.
pub(super) fn arguments_name(language: Language) -> &'static str {
    match language {
        Language::JsonPath => "Parameters",
        Language::Jsonata => "Arguments",
    }
}

/// `Parameters` or `Arguments` of the object at `within`, whose members are `needed`.
pub(super) fn arguments(
    fields: &mut Fields<'_, '_>,
    (within, map): (&str, &Object<String, Value>),
    (language, needed): (Language, &[&str]),
) -> Option<Template> {
    let name = arguments_name(language);
    let place = format!("{within}/{name}");
    match map.get(name) {
        None => {
            fields.refuse(within, format!("These fields are required: [{name}]"));
            None
        }
        Some(Value::Object(given)) => {
            for member in needed {
                let hole = format!("{member}.$");
                let there = given.contains_key(*member)
                    || (language == Language::JsonPath && given.contains_key(&hole));
                if !there {
                    fields.refuse(&place, format!("These fields are required: [{member}]"));
                }
            }
            Some(fields.filled(map.get(name)?, &place, language))
        }
        // An expression may give the whole object.
        Some(Value::String(_)) if language == Language::Jsonata => {
            Some(fields.filled(map.get(name)?, &place, language))
        }
        Some(_) => {
            fields.refuse(&place, format!("The field '{name}' must be an object"));
            None
        }
    }
}

/// The last part of `arn:aws:states:::s3:getObject`.
pub(super) fn action(resource: &str) -> Option<&str> {
    let rest = resource.strip_prefix("arn:")?;
    let (partition, rest) = rest.split_once(':')?;
    let known = ["aws", "aws-cn", "aws-us-gov"].contains(&partition);
    rest.strip_prefix("states:::s3:").filter(|_| known)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::distributed::{Csv, Format, Source, Transformation};
    use super::super::{Kind, Problem, StateMachine};
    use super::*;

    fn parse(text: &str) -> Result<StateMachine, Vec<Problem>> {
        super::super::parse(text, MachineType::Standard)
    }

    fn machine(language: &str, extra: Value) -> String {
        let mut state = json!({"Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}});
        for (name, value) in extra.as_object().expect("an object") {
            state[name] = value.clone();
        }
        json!({"QueryLanguage": language, "StartAt": "M", "States": {"M": state}}).to_string()
    }

    fn read(language: &str, extra: Value) -> Result<Distributed, Vec<Problem>> {
        let machine = parse(&machine(language, extra))?;
        match &machine.blocks[0].states[0].kind {
            Kind::Map(map) => Ok(map.distributed.clone().expect("distributed")),
            other => panic!("unexpected: {other:?}"),
        }
    }

    #[test]
    fn every_field_is_read_in_both_languages() {
        let paths = json!({"Label": "Scan", "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"],
                "CSVDelimiter": "PIPE", "MaxItemsPath": "$.most"},
            "Parameters": {"Bucket": "b", "Key.$": "$.key"}},
            "ItemBatcher": {"MaxItemsPerBatchPath": "$.n", "BatchInput": {"x.$": "$.x"}},
            "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket.$": "$.bucket", "Prefix": "p"},
                "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"}}});
        let found = read("JSONPath", paths).expect("readable");
        assert_eq!(found.execution_type, MachineType::Express);
        assert_eq!(found.label.as_deref(), Some("Scan"));
        let reader = found.reader.expect("a reader");
        let csv = Csv {
            headers: Some(vec!["a".to_owned(), "b".to_owned()]),
            delimiter: b'|',
        };
        assert_eq!(reader.source, Source::Object(Format::Csv(csv)));
        assert!(matches!(reader.max_items, Some(Number::Path(_))));
        let writer = found.writer.expect("a writer");
        assert_eq!(
            (
                writer.transformation,
                writer.lines,
                writer.destination.is_some()
            ),
            (Transformation::Flatten, true, true)
        );
        let expressions = json!({"ItemReader": {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "ReaderConfig": {"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSON",
                "ItemsPointer": "/a/b", "MaxItems": "{% 1 + 1 %}"},
            "Arguments": {"Bucket": "{% $states.input.b %}"}},
            "ItemBatcher": {"MaxInputBytesPerBatch": "{% 5 %}"},
            "ResultWriter": {"WriterConfig": {"Transformation": "NONE"}}});
        let found = read("JSONata", expressions).expect("readable");
        let reader = found.reader.expect("a reader");
        assert!(matches!(
            reader.source,
            Source::Listing(Some(Format::Json { pointer: Some(_) }))
        ));
        match &reader.arguments {
            Template::Object(members) => match &members[0].1 {
                Template::Expression { location, .. } => {
                    assert_eq!(location, "ItemReader/Arguments/Bucket");
                }
                other => panic!("unexpected: {other:?}"),
            },
            other => panic!("unexpected: {other:?}"),
        }
        let writer = found.writer.expect("a writer");
        assert_eq!(
            (writer.transformation, writer.destination),
            (Transformation::None, None)
        );
    }

    /// What is added to a Map, where the problem is, and words of it.
    const REFUSED: &str = r#"
{"Label": "12345678901234567890123456789012345678901"} @ /Label @ Label cannot exceed 40 characters
{"Label": "a/b"} @ /Label @ character '/'
{"Label": ""} @ /Label @ empty
{"Label": "x", "ItemProcessor": {"StartAt": "P", "States": {}}} @ /Label @ is not supported in a Map of mode 'INLINE'
{"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}} @ /ItemProcessor/ProcessorConfig @ [ExecutionType]
{"ItemProcessor": {"ProcessorConfig": {"Mode": "OTHER"}}} @ /ItemProcessor/ProcessorConfig/Mode @ [INLINE, DISTRIBUTED]
{"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "FAST"}}} @ /ItemProcessor/ProcessorConfig/ExecutionType @ [STANDARD, EXPRESS]
{"ItemReader": {"Resource": "arn:aws:states:::s3:putObject"}} @ /ItemReader/Resource @ listObjectsV2
{"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {}}} @ /ItemReader/Parameters @ [Bucket]
{"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": {"Bucket": "b"}}} @ /ItemReader/Arguments @ not supported
{"ItemBatcher": {"BatchInput": {}}} @ /ItemBatcher @ One of these fields is required
{"ItemBatcher": {"MaxItemsPerBatch": 0}} @ /ItemBatcher/MaxItemsPerBatch @ from 1
{"ItemBatcher": {"MaxInputBytesPerBatch": 262145}} @ /ItemBatcher/MaxInputBytesPerBatch @ to 262144
{"ResultWriter": {}} @ /ResultWriter @ One of these fields is required
{"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject"}} @ /ResultWriter @ [Parameters]
{"ResultWriter": {"WriterConfig": {"Transformation": "ALL"}}} @ /ResultWriter/WriterConfig/Transformation @ [NONE, COMPACT, FLATTEN]
{"ResultWriter": {"WriterConfig": {"OutputType": "JSONL"}}} @ /ResultWriter/WriterConfig/OutputType @ only supported with
{"ToleratedFailurePercentage": 101} @ /ToleratedFailurePercentage @ from 0 to 100
"#;

    /// The same for `ReaderConfig`.
    const NOT_READ: &str = r#"
{} @  @ [InputType]
{"InputType": "PARQUET"} @ /InputType @ not read by this server
{"InputType": "CSV"} @  @ [CSVHeaderLocation]
{"InputType": "CSV", "CSVHeaderLocation": "GIVEN"} @  @ [CSVHeaders]
{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVHeaders": ["a"]} @ /CSVHeaders @ 'GIVEN'
{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": ","} @ /CSVDelimiter @ COMMA
{"InputType": "JSON", "CSVHeaders": ["a"]} @ /CSVHeaders @ only supported for InputType 'CSV'
{"InputType": "JSON", "ItemsPointer": "a"} @ /ItemsPointer @ JSON Pointer
{"InputType": "JSON", "MaxItems": 100000001} @ /MaxItems @ from 0 to 100000000
{"InputType": "JSON", "MaxItems": 1, "MaxItemsPath": "$.a"} @  @ Only one
{"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"} @ /Transformation @ listObjectsV2
{"InputType": "JSON", "ManifestType": "ATHENA_DATA"} @ /InputType @ [CSV, JSONL]
"#;

    fn rows(table: &str) -> Vec<(Value, &str, &str)> {
        let rows = table.lines().filter(|line| !line.is_empty());
        rows.map(|line| {
            let mut cells = line.split(" @ ");
            let mut cell = || cells.next().expect("three cells").trim();
            let extra = serde_json::from_str(cell()).expect("JSON");
            (extra, cell(), cell())
        })
        .collect()
    }

    #[test]
    fn what_does_not_fit_is_refused_at_its_place() {
        let mut cases = Vec::new();
        for (extra, place, words) in rows(REFUSED) {
            cases.push((extra, format!("/States/M{place}"), words));
        }
        for (config, place, words) in rows(NOT_READ) {
            let extra = json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": config, "Parameters": {"Bucket": "b", "Key": "k"}}});
            let place = format!("/States/M/ItemReader/ReaderConfig{place}");
            cases.push((extra, place, words));
        }
        for (extra, place, words) in cases {
            let problems = parse(&machine("JSONPath", extra.clone())).expect_err("refused");
            assert!(
                problems
                    .iter()
                    .any(|problem| problem.location.as_deref() == Some(&place)
                        && problem.message.contains(words)),
                "{extra}: {problems:?}"
            );
        }
    }

    #[test]
    fn labels_are_unique_and_express_children_are_express_machines() {
        let map = |inner: Value| {
            json!({"Type": "Map", "End": true, "Label": "same", "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                "StartAt": "I", "States": {"I": inner}}})
        };
        let mut nested = map(json!({"Type": "Pass", "End": true}));
        nested["ItemProcessor"]["StartAt"] = json!("J");
        nested["ItemProcessor"]["States"] = json!({"J": {"Type": "Pass", "End": true}});
        let text = json!({"StartAt": "M", "States": {"M": map(nested)}}).to_string();
        let problems = parse(&text).expect_err("refused");
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            shown.iter().any(|it| it.contains("Duplicate label: same")),
            "{shown:?}"
        );
        assert!(
            shown
                .iter()
                .any(|it| it.contains("Express state machine does not support")),
            "{shown:?}"
        );
    }
}
