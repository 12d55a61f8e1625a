//! Manifests: objects that list further objects. An S3 inventory also says how its files are written.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Unreadable;
use crate::asl::definition::Csv;

/// An object to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its bucket.
    pub(crate) bucket: String,
    /// Its key.
    pub(crate) key: String,
    /// Its version, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

fn refused(why: impl Into<String>) -> Unreadable {
    Unreadable::Object(why.into())
}

/// The files of an S3 inventory, from its `manifest.json`, and how they are written.
pub(crate) fn inventory(text: &[u8]) -> Result<(Vec<Place>, Csv), Unreadable> {
    let manifest: Value = serde_json::from_slice(text)
        .map_err(|error| refused(format!("the inventory's manifest is no JSON ({error})")))?;
    let format = manifest["fileFormat"].as_str().unwrap_or_default();
    if format != "CSV" {
        return Err(refused(format!(
            "the inventory has files of format `{format}`: this server reads inventories in CSV"
        )));
    }
    let schema = manifest["fileSchema"]
        .as_str()
        .ok_or_else(|| refused("the inventory's manifest has no text `fileSchema`"))?;
    let bucket = manifest["destinationBucket"]
        .as_str()
        .ok_or_else(|| refused("the inventory's manifest has no text `destinationBucket`"))?;
    let bucket = bucket.rsplit(':').next().unwrap_or(bucket);
    let files = manifest["files"]
        .as_array()
        .ok_or_else(|| refused("the inventory's manifest has no list `files`"))?;
    let place = |file: &Value| {
        let key = file["key"]
            .as_str()
            .ok_or_else(|| refused("a file of the inventory's manifest has no text `key`"))?;
        Ok(Place {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: None,
        })
    };
    let places: Result<Vec<Place>, Unreadable> = files.iter().map(place).collect();
    let headers = schema.split(',').map(|name| name.trim().to_owned());
    let csv = Csv {
        headers: Some(headers.collect()),
        delimiter: b',',
    };
    Ok((places?, csv))
}

/// The objects of an Athena manifest: an address in each line.
pub(crate) fn athena(text: &[u8]) -> Result<Vec<Place>, Unreadable> {
    let text = std::str::from_utf8(text)
        .map_err(|_| refused("the Athena manifest is not written in UTF-8"))?;
    let lines = text.lines().map(|line| line.trim().trim_matches('"'));
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let address = line.strip_prefix("s3://").and_then(|it| it.split_once('/'));
            let (bucket, key) = address
                .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
                .ok_or_else(|| {
                    let shown: String = line.chars().take(100).collect();
                    refused(format!(
                        "the Athena manifest has a line `{shown}`: each must be an address such as s3://bucket/key"
                    ))
                })?;
            Ok(Place {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                version: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_inventory_names_files_and_columns() {
        let manifest = json!({"sourceBucket": "src", "destinationBucket": "arn:aws:s3:::dst",
            "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size",
            "files": [{"key": "inv/a.csv.gz", "size": 3}]});
        let (places, csv) = inventory(manifest.to_string().as_bytes()).expect("readable");
        assert_eq!(
            (places[0].bucket.as_str(), places[0].key.as_str()),
            ("dst", "inv/a.csv.gz")
        );
        assert_eq!(csv.headers.expect("headers"), ["Bucket", "Key", "Size"]);
        for (member, value, words) in [
            ("fileFormat", json!("ORC"), "format `ORC`"),
            ("fileSchema", json!(1), "`fileSchema`"),
            ("destinationBucket", json!(null), "`destinationBucket`"),
            ("files", json!({}), "`files`"),
            ("files", json!([{}]), "`key`"),
        ] {
            let mut wrong = manifest.clone();
            wrong[member] = value;
            let error = inventory(wrong.to_string().as_bytes()).expect_err("refused");
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(inventory(b"{").is_err());
    }

    #[test]
    fn an_athena_manifest_lists_addresses() {
        let places = athena(b"s3://b/k/1\r\n\"s3://c/2\"\n\n").expect("readable");
        assert_eq!(
            (places[1].bucket.as_str(), places[1].key.as_str()),
            ("c", "2")
        );
        for wrong in ["http://b/k", "s3://b", "s3:///k"] {
            assert!(athena(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
