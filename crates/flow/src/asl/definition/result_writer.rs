//! Reading `ResultWriter`: where the results of a distributed Map go and how they are written.

use super::Language;
use super::distributed::{ResultWriter, Transformation};
use super::fields::Fields;
use super::mapping::{action, arguments, arguments_name, choice, object};

pub(super) fn result_writer(
    fields: &mut Fields<'_, '_>,
    language: Language,
) -> Option<ResultWriter> {
    let (map, at) = object(fields, "ResultWriter")?;
    let name = arguments_name(language);
    let mut own = Fields::new(map, &at, fields.problems);
    own.only(&["Resource", "WriterConfig", name]);
    if !own.has("Resource") && !own.has("WriterConfig") {
        let message = "One of these fields is required: [Resource, WriterConfig]";
        own.refuse("", message);
    }
    let resource = own.text("Resource");
    if resource
        .as_deref()
        .is_some_and(|it| action(it) != Some("putObject"))
    {
        let message =
            "The field 'Resource' should have one of these values: [arn:aws:states:::s3:putObject]";
        own.refuse("Resource", message);
    }
    let config = object(&mut own, "WriterConfig");
    let mut transformation = if resource.is_some() {
        Transformation::None
    } else {
        Transformation::Compact
    };
    let mut lines = false;
    if let Some((config, config_at)) = config {
        let mut config = Fields::new(config, &config_at, own.problems);
        config.only(&["Transformation", "OutputType"]);
        let words = ["NONE", "COMPACT", "FLATTEN"];
        transformation = match choice(&mut config, "Transformation", &words) {
            Some("NONE") => Transformation::None,
            Some("COMPACT") => Transformation::Compact,
            Some("FLATTEN") => Transformation::Flatten,
            _ => transformation,
        };
        lines = choice(&mut config, "OutputType", &["JSON", "JSONL"]) == Some("JSONL");
    }
    if lines && resource.is_none() {
        let message = "OutputType 'JSONL' is only supported with the Resource 's3:putObject'";
        fields.refuse("ResultWriter/WriterConfig/OutputType", message);
    }
    if resource.is_none() && map.contains_key(name) {
        fields.refuse("ResultWriter", "These fields are required: [Resource]");
    }
    let destination = match resource {
        Some(_) => Some(arguments(
            fields,
            ("ResultWriter", map),
            (language, &["Bucket"]),
        )?),
        None => None,
    };
    Some(ResultWriter {
        destination,
        transformation,
        lines,
    })
}
