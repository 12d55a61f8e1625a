//! Reading `ItemReader`: where a distributed Map's items are and how they are written.

use serde_json::Map as Object;

use super::Language;
use super::distributed::{Csv, Format, ItemReader, MAX_HEADER_BYTES, MAX_ITEMS, Source};
use super::fields::Fields;
use super::mapping::{action, arguments, arguments_name, choice, object, whole};

pub(super) fn item_reader(fields: &mut Fields<'_, '_>, language: Language) -> Option<ItemReader> {
    let (map, at) = object(fields, "ItemReader")?;
    let mut own = Fields::new(map, &at, fields.problems);
    own.only(&["Resource", "ReaderConfig", arguments_name(language)]);
    own.required("Resource");
    let resource = own.text("Resource")?;
    let listing = match action(&resource) {
        Some("getObject") => false,
        Some("listObjectsV2") => true,
        _ => {
            let message = "The field 'Resource' should have one of these values: [arn:aws:states:::s3:getObject, arn:aws:states:::s3:listObjectsV2]";
            own.refuse("Resource", message);
            return None;
        }
    };
    let empty = Object::new();
    let config = object(&mut own, "ReaderConfig");
    let (config, config_at) = config.unwrap_or_else(|| (&empty, format!("{at}/ReaderConfig")));
    let mut config = Fields::new(config, &config_at, own.problems);
    let max_items = config.number_or_path("MaxItems", language);
    whole(&mut config, (&max_items, "MaxItems"), (0, MAX_ITEMS));
    let source = source(&mut config, listing, language);
    let needed: &[&str] = if listing {
        &["Bucket"]
    } else {
        &["Bucket", "Key"]
    };
    let arguments = arguments(fields, ("ItemReader", map), (language, needed));
    Some(ItemReader {
        source: source?,
        arguments: arguments?,
        max_items,
    })
}

fn source(config: &mut Fields<'_, '_>, listing: bool, language: Language) -> Option<Source> {
    let mut known = vec![
        "InputType",
        "ManifestType",
        "Transformation",
        "ItemsPointer",
        "CSVHeaderLocation",
        "CSVHeaders",
        "CSVDelimiter",
        "MaxItems",
    ];
    if language == Language::JsonPath {
        known.push("MaxItemsPath");
    }
    config.only(&known);
    let loads =
        choice(config, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]) == Some("LOAD_AND_FLATTEN");
    if !listing {
        config.required("InputType");
        return Some(Source::Object(format(config, (language, loads))?));
    }
    if loads {
        config.required("InputType");
        let format = format(config, (language, false))?;
        if matches!(format, Format::Inventory | Format::Athena(_)) {
            let message =
                "The objects of a listing should have one of these formats: [CSV, JSON, JSONL]";
            config.refuse("InputType", message);
        }
        return Some(Source::Listing(Some(format)));
    }
    for name in known
        .iter()
        .filter(|name| !["Transformation", "MaxItems", "MaxItemsPath"].contains(name))
    {
        if config.has(name) {
            let message = format!(
                "Field '{name}' is not supported without Transformation 'LOAD_AND_FLATTEN'"
            );
            config.refuse(name, message);
        }
    }
    Some(Source::Listing(None))
}

fn format(config: &mut Fields<'_, '_>, (language, loads): (Language, bool)) -> Option<Format> {
    let types = ["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"];
    let input = choice(config, "InputType", &types)?;
    let manifest = choice(config, "ManifestType", &["S3_INVENTORY", "ATHENA_DATA"]);
    if input == "PARQUET" {
        let message = "Parquet files are not read by this server: convert them to CSV or JSONL";
        config.refuse("InputType", message);
        return None;
    }
    if loads {
        let message = "Transformation 'LOAD_AND_FLATTEN' is only supported for 's3:listObjectsV2'";
        config.refuse("Transformation", message);
    }
    if manifest == Some("ATHENA_DATA") && !["CSV", "JSONL"].contains(&input) {
        let message = "The field 'InputType' should have one of these values for ManifestType 'ATHENA_DATA': [CSV, JSONL]";
        config.refuse("InputType", message);
        return None;
    }
    if manifest == Some("S3_INVENTORY") && input != "MANIFEST" {
        let message = "The field 'InputType' should be 'MANIFEST' for ManifestType 'S3_INVENTORY'";
        config.refuse("InputType", message);
    }
    let format = match input {
        "CSV" => Format::Csv(csv(config)?),
        "JSON" => Format::Json {
            pointer: pointer(config, language),
        },
        "JSONL" => Format::JsonLines,
        _ => Format::Inventory,
    };
    only_for(config, input);
    Some(if manifest == Some("ATHENA_DATA") {
        Format::Athena(Box::new(format))
    } else {
        format
    })
}

/// Notes fields that say something of another format.
fn only_for(config: &mut Fields<'_, '_>, input: &str) {
    let of = [
        ("CSVHeaderLocation", "CSV"),
        ("CSVHeaders", "CSV"),
        ("CSVDelimiter", "CSV"),
        ("ItemsPointer", "JSON"),
    ];
    for (name, format) in of {
        if config.has(name) && input != format {
            config.refuse(
                name,
                format!("Field '{name}' is only supported for InputType '{format}'"),
            );
        }
    }
}

/// `ItemsPointer`: empty, or parts that each begin with a slash.
fn pointer(config: &mut Fields<'_, '_>, language: Language) -> Option<super::Text> {
    if language == Language::Jsonata
        && config.get("ItemsPointer").is_some_and(|it| {
            it.as_str()
                .and_then(crate::asl::jsonata::Expression::inside)
                .is_some()
        })
    {
        return config
            .template("ItemsPointer", language)
            .map(super::Text::Template);
    }
    let text = config.text("ItemsPointer")?;
    if !text.is_empty() && !text.starts_with('/') {
        let message = "The field 'ItemsPointer' must be a JSON Pointer, such as /records/items";
        config.refuse("ItemsPointer", message);
    }
    Some(super::Text::Fixed(text))
}

fn csv(config: &mut Fields<'_, '_>) -> Option<Csv> {
    let delimiters = ["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"];
    let delimiter = match choice(config, "CSVDelimiter", &delimiters) {
        Some("PIPE") => b'|',
        Some("SEMICOLON") => b';',
        Some("SPACE") => b' ',
        Some("TAB") => b'\t',
        _ => b',',
    };
    config.required("CSVHeaderLocation");
    let location = choice(config, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"])?;
    let headers = headers(config);
    match (location, headers) {
        ("GIVEN", None) => {
            config.required("CSVHeaders");
            None
        }
        ("FIRST_ROW", Some(_)) => {
            let message = "Field 'CSVHeaders' is only supported for CSVHeaderLocation 'GIVEN'";
            config.refuse("CSVHeaders", message);
            None
        }
        (_, headers) => Some(Csv { headers, delimiter }),
    }
}

fn headers(config: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    let given = config.get("CSVHeaders")?;
    let texts: Option<Vec<String>> = given.as_array().and_then(|list| {
        list.iter()
            .map(|it| it.as_str().map(str::to_owned))
            .collect()
    });
    let Some(headers) = texts else {
        config.refuse(
            "CSVHeaders",
            "The field 'CSVHeaders' must be an array of strings",
        );
        return None;
    };
    if headers.is_empty() {
        config.refuse("CSVHeaders", "Value cannot be empty");
    }
    if headers.iter().map(String::len).sum::<usize>() > MAX_HEADER_BYTES {
        let message = format!("CSV headers cannot exceed {MAX_HEADER_BYTES} bytes");
        config.refuse("CSVHeaders", message);
    }
    Some(headers)
}
