//! `ListDocuments`, in order of name, with the filters of both forms.

use model::document::DocumentHead;
use serde_json::json;

use super::{documents, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept, Key};
use crate::decode::{Fields, Text};
use crate::error::ApiError;
use crate::page::Cursor;

const KEYS: [&str; 6] = [
    "Name",
    "Owner",
    "PlatformTypes",
    "DocumentType",
    "TargetType",
    "SearchKeyword",
];
const ANY: Text = Text::length(1, 1024);

/// One filter: any of its values must fit.
struct Filter {
    key: String,
    values: Vec<String>,
}

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let filters = read_filters(&fields)?;
    let limit = fields.page_size("MaxResults", 50, 50)?;
    let question = json!([
        call.input.get("Filters"),
        call.input.get("DocumentFilterList")
    ])
    .to_string();
    let cursor = Cursor::new(&call, "ListDocuments", &question);
    let after = names::position(&call, &cursor)?;
    let family = Key {
        name: String::new(),
        ..names::head_key(&call, "")
    };
    let heads: Vec<Kept<DocumentHead>> = catalog::all(call.handle(), &family).await?;
    let rest: Vec<&DocumentHead> = heads
        .iter()
        .map(|kept| &kept.body)
        .filter(|head| after.as_ref().is_none_or(|after| head.name > *after))
        .filter(|head| {
            filters
                .iter()
                .all(|filter| filter.fits(head, &call.scope.account))
        })
        .collect();
    let mut page = Vec::with_capacity(limit.min(rest.len()));
    for head in rest.iter().take(limit) {
        page.push(documents::identifier(
            head,
            documents::numbered(head, "$DEFAULT")?,
        ));
    }
    let mut body = json!({ "DocumentIdentifiers": page });
    if let (true, Some(last)) = (rest.len() > limit, rest.get(limit - 1)) {
        body["NextToken"] = cursor.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}

fn read_filters(fields: &Fields<'_>) -> Result<Vec<Filter>, ApiError> {
    let mut filters = Vec::new();
    for given in fields.objects("Filters", 0, 6)?.unwrap_or_default() {
        let values = given.texts("Values", (0, 40), ANY)?.unwrap_or_default();
        filters.push(Filter::new(given.required_text("Key", ANY)?, values)?);
    }
    for given in fields
        .objects("DocumentFilterList", 0, 6)?
        .unwrap_or_default()
    {
        let value = given.required_text("value", ANY)?;
        filters.push(Filter::new(given.required_text("key", ANY)?, vec![value])?);
    }
    Ok(filters)
}

impl Filter {
    fn new(key: &str, values: Vec<&str>) -> Result<Self, ApiError> {
        if !KEYS.contains(&key) && !key.starts_with("tag:") {
            let message = format!(
                "The filter key `{}` is not one of: {}, tag:<key>.",
                crate::error::echo(key),
                KEYS.join(", ")
            );
            return Err(ApiError::new("InvalidFilterKey", message));
        }
        Ok(Self {
            key: key.to_owned(),
            values: values.into_iter().map(str::to_owned).collect(),
        })
    }

    fn fits(&self, head: &DocumentHead, account: &str) -> bool {
        self.values.iter().any(|value| match self.key.as_str() {
            "Name" => head.name.starts_with(value.as_str()),
            "Owner" => match value.as_str() {
                "Self" | "Private" => head.owner == account,
                "All" => true,
                "Public" => head.shared_with.iter().any(|shared| shared == "all"),
                _ => false,
            },
            "PlatformTypes" => matches!(value.as_str(), "Windows" | "Linux" | "MacOS"),
            "DocumentType" => head.document_type == *value,
            "TargetType" => head.target_type.as_ref() == Some(value),
            "SearchKeyword" => head.name.to_lowercase().contains(&value.to_lowercase()),
            other => {
                other
                    .strip_prefix("tag:")
                    .and_then(|key| head.tags.get(key))
                    == Some(value)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn filters_fit_or_do_not() {
        let head = DocumentHead {
            name: "Quell-EC2-Isolate".into(),
            document_type: "Automation".into(),
            default_version: 1,
            latest_version: 1,
            versions: Vec::new(),
            owner: "123456789012".into(),
            created: jiff::Timestamp::UNIX_EPOCH,
            target_type: None,
            display_name: None,
            shared_with: Vec::new(),
            tags: BTreeMap::from([("team".to_owned(), "sec".to_owned())]),
        };
        for (key, value, want) in [
            ("Name", "Quell-", true),
            ("Name", "uell", false),
            ("Owner", "Self", true),
            ("Owner", "Amazon", false),
            ("DocumentType", "Automation", true),
            ("DocumentType", "Command", false),
            ("SearchKeyword", "ec2", true),
            ("tag:team", "sec", true),
            ("tag:team", "x", false),
            ("tag:none", "x", false),
        ] {
            let filter = Filter::new(key, vec![value]).expect("known key");
            assert_eq!(filter.fits(&head, "123456789012"), want, "{key}={value}");
        }
        assert!(Filter::new("Colour", vec!["x"]).is_err());
    }
}
