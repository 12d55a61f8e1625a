//! Automation documents on the wire.

use serde_json::{Value, json};

use crate::world::World;

const YAML: &str = "schemaVersion: \"0.3\"\ndescription: stub\nparameters:\n  InstanceId:\n    type: String\n    description: which\n    default: i-1\nmainSteps:\n  - name: Wait\n    action: aws:sleep\n    inputs:\n      Duration: PT1S\n";

fn create(name: &str, content: &str, format: &str) -> Value {
    json!({ "Name": name, "Content": content, "DocumentFormat": format, "DocumentType": "Automation",
            "Tags": [{ "Key": "managed-by", "Value": "terraform" }] })
}

#[tokio::test]
async fn a_document_round_trips_byte_for_byte() {
    let world = World::new().await;
    let client = world.client();
    let made = client
        .ok(
            "AmazonSSM.CreateDocument",
            create("Quell-Doc", YAML, "YAML"),
        )
        .await;
    let description = &made["DocumentDescription"];
    for (member, want) in [
        ("Name", json!("Quell-Doc")),
        ("HashType", json!("Sha256")),
        ("Owner", json!("123456789012")),
        ("Status", json!("Active")),
        ("DocumentVersion", json!("1")),
        ("LatestVersion", json!("1")),
        ("DefaultVersion", json!("1")),
        ("Description", json!("stub")),
        ("DocumentFormat", json!("YAML")),
        ("DocumentType", json!("Automation")),
        ("SchemaVersion", json!("0.3")),
        ("CreatedDate", json!(1_772_334_000)),
        (
            "Tags",
            json!([{ "Key": "managed-by", "Value": "terraform" }]),
        ),
        (
            "Parameters",
            json!([{ "Name": "InstanceId", "Type": "String", "Description": "which", "DefaultValue": "i-1" }]),
        ),
    ] {
        assert_eq!(description[member], want, "{member}");
    }
    let described = client
        .ok("AmazonSSM.DescribeDocument", json!({ "Name": "Quell-Doc" }))
        .await;
    assert_eq!(&described["Document"], description);
    let by_arn = json!({ "Name": "arn:aws:ssm:us-east-1:123456789012:document/Quell-Doc" });
    assert_eq!(
        &client.ok("AmazonSSM.DescribeDocument", by_arn).await["Document"],
        description
    );
    let same =
        json!({ "Name": "Quell-Doc", "DocumentFormat": "YAML", "DocumentVersion": "$LATEST" });
    let got = client.ok("AmazonSSM.GetDocument", same).await;
    assert_eq!(
        (got["Content"].as_str(), got["DocumentVersion"].as_str()),
        (Some(YAML), Some("1"))
    );
    let other = client
        .ok("AmazonSSM.GetDocument", json!({ "Name": "Quell-Doc" }))
        .await;
    assert_eq!(other["DocumentFormat"], "JSON");
    let content: Value =
        serde_json::from_str(other["Content"].as_str().expect("text")).expect("JSON");
    assert_eq!(content["mainSteps"][0]["action"], "aws:sleep");
}

#[tokio::test]
async fn versions_come_and_go() {
    let world = World::new().await;
    let client = world.client();
    client
        .ok("AmazonSSM.CreateDocument", create("Doc", YAML, "YAML"))
        .await;
    let changed = YAML.replace("PT1S", "PT2S");
    let update = |content: &str, version: &str| json!({ "Name": "Doc", "Content": content, "DocumentFormat": "YAML", "DocumentVersion": version });
    client
        .fails(
            "AmazonSSM.UpdateDocument",
            update(YAML, "1"),
            "DuplicateDocumentContent",
        )
        .await;
    client
        .fails(
            "AmazonSSM.UpdateDocument",
            update(&changed, "7"),
            "InvalidDocumentVersion",
        )
        .await;
    let updated = client
        .ok("AmazonSSM.UpdateDocument", update(&changed, "1"))
        .await;
    let description = &updated["DocumentDescription"];
    assert_eq!(
        (
            description["DocumentVersion"].as_str(),
            description["DefaultVersion"].as_str()
        ),
        (Some("2"), Some("1"))
    );
    client
        .fails(
            "AmazonSSM.UpdateDocument",
            update(YAML, "1"),
            "InvalidDocumentVersion",
        )
        .await;
    let set = client
        .ok(
            "AmazonSSM.UpdateDocumentDefaultVersion",
            json!({ "Name": "Doc", "DocumentVersion": "2" }),
        )
        .await;
    assert_eq!(
        set,
        json!({ "Description": { "Name": "Doc", "DefaultVersion": "2" } })
    );
    client
        .fails(
            "AmazonSSM.UpdateDocumentDefaultVersion",
            json!({ "Name": "Doc", "DocumentVersion": "9" }),
            "InvalidDocumentVersion",
        )
        .await;
    let versions = client
        .ok(
            "AmazonSSM.ListDocumentVersions",
            json!({ "Name": "Doc", "MaxResults": 1 }),
        )
        .await;
    assert_eq!(versions["DocumentVersions"][0]["DocumentVersion"], "2");
    assert_eq!(versions["DocumentVersions"][0]["IsDefaultVersion"], true);
    let more = json!({ "Name": "Doc", "MaxResults": 1, "NextToken": versions["NextToken"] });
    let rest = client.ok("AmazonSSM.ListDocumentVersions", more).await;
    assert_eq!(
        (
            rest["DocumentVersions"][0]["DocumentVersion"].as_str(),
            rest.get("NextToken")
        ),
        (Some("1"), None)
    );
    client
        .fails(
            "AmazonSSM.DeleteDocument",
            json!({ "Name": "Doc", "DocumentVersion": "2" }),
            "InvalidDocumentOperation",
        )
        .await;
    client
        .ok(
            "AmazonSSM.DeleteDocument",
            json!({ "Name": "Doc", "DocumentVersion": "1" }),
        )
        .await;
    client
        .fails(
            "AmazonSSM.GetDocument",
            json!({ "Name": "Doc", "DocumentVersion": "1" }),
            "InvalidDocumentVersion",
        )
        .await;
    client
        .ok("AmazonSSM.DeleteDocument", json!({ "Name": "Doc" }))
        .await;
    client
        .fails(
            "AmazonSSM.DescribeDocument",
            json!({ "Name": "Doc" }),
            "InvalidDocument",
        )
        .await;
    client
        .fails(
            "AmazonSSM.DeleteDocument",
            json!({ "Name": "Doc" }),
            "InvalidDocument",
        )
        .await;
    client
        .ok("AmazonSSM.CreateDocument", create("Doc", &changed, "YAML"))
        .await;
}

#[tokio::test]
async fn bad_documents_are_refused_with_reason_and_place() {
    let world = World::new().await;
    let client = world.client();
    let large = format!("{YAML}# {}\n", "x".repeat(64 * 1024));
    for (body, code, message) in [
        (
            create("aws-thing", YAML, "YAML"),
            "ValidationException",
            "prefix",
        ),
        (
            create("Amazon-thing", YAML, "YAML"),
            "ValidationException",
            "prefix",
        ),
        (
            create("no", YAML, "YAML"),
            "ValidationException",
            "greater than or equal to 3",
        ),
        (
            create("a b c", YAML, "YAML"),
            "ValidationException",
            "regular expression",
        ),
        (
            create("Doc", "{", "JSON"),
            "InvalidDocumentContent",
            "line 1",
        ),
        (
            create("Doc", &YAML.replace("0.3", "2.2"), "YAML"),
            "InvalidDocumentSchemaVersion",
            "0.3",
        ),
        (
            create("Doc", &YAML.replace("aws:sleep", "aws:nonsense"), "YAML"),
            "InvalidDocumentContent",
            "Unknown action: aws:nonsense",
        ),
        (
            create("Doc", &large, "YAML"),
            "MaxDocumentSizeExceeded",
            "65536",
        ),
        (
            create("Doc", YAML, "TEXT"),
            "InvalidDocumentContent",
            "TEXT",
        ),
        (
            json!({ "Name": "Doc", "Content": YAML, "DocumentType": "Command" }),
            "ValidationException",
            "documentType",
        ),
        (
            json!({ "Name": "Doc", "DocumentType": "Automation" }),
            "ValidationException",
            "at 'content'",
        ),
    ] {
        let got = client.fails("AmazonSSM.CreateDocument", body, code).await;
        assert!(got.contains(message), "{code}: {got} has no {message}");
    }
    let listed = client.ok("AmazonSSM.ListDocuments", json!({})).await;
    assert_eq!(
        listed["DocumentIdentifiers"],
        json!([]),
        "nothing half-written"
    );
    client
        .ok("AmazonSSM.CreateDocument", create("Doc", YAML, "YAML"))
        .await;
    client
        .fails(
            "AmazonSSM.CreateDocument",
            create("Doc", YAML, "YAML"),
            "DocumentAlreadyExists",
        )
        .await;
}

#[tokio::test]
async fn documents_are_listed_filtered_and_paged() {
    let world = World::new().await;
    let client = world.client();
    for name in ["Alpha", "Beta1", "Beta2"] {
        client
            .ok("AmazonSSM.CreateDocument", create(name, YAML, "YAML"))
            .await;
    }
    let names = |page: &Value| -> Vec<String> {
        let list = page["DocumentIdentifiers"].as_array().expect("list");
        list.iter()
            .map(|document| document["Name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let mine = client
        .ok(
            "AmazonSSM.ListDocuments",
            json!({ "Filters": [{ "Key": "Owner", "Values": ["Self"] }], "MaxResults": 2 }),
        )
        .await;
    assert_eq!(names(&mine), ["Alpha", "Beta1"]);
    let more = json!({ "Filters": [{ "Key": "Owner", "Values": ["Self"] }], "MaxResults": 2, "NextToken": mine["NextToken"] });
    assert_eq!(
        names(&client.ok("AmazonSSM.ListDocuments", more).await),
        ["Beta2"]
    );
    let beta = client
        .ok(
            "AmazonSSM.ListDocuments",
            json!({ "DocumentFilterList": [{ "key": "Name", "value": "Beta" }] }),
        )
        .await;
    assert_eq!(names(&beta), ["Beta1", "Beta2"]);
    client
        .fails(
            "AmazonSSM.ListDocuments",
            json!({ "NextToken": "nonsense" }),
            "InvalidNextToken",
        )
        .await;
    client
        .fails(
            "AmazonSSM.ListDocuments",
            json!({ "Filters": [{ "Key": "Colour", "Values": ["x"] }] }),
            "InvalidFilterKey",
        )
        .await;
}

#[tokio::test]
async fn permissions_and_tags() {
    let world = World::new().await;
    let client = world.client();
    client
        .ok("AmazonSSM.CreateDocument", create("Doc", YAML, "YAML"))
        .await;
    let show = json!({ "Name": "Doc", "PermissionType": "Share" });
    let none = client
        .ok("AmazonSSM.DescribeDocumentPermission", show.clone())
        .await;
    assert_eq!(
        none,
        json!({ "AccountIds": [], "AccountSharingInfoList": [] })
    );
    let add = json!({ "Name": "Doc", "PermissionType": "Share", "AccountIdsToAdd": ["222222222222", "111111111111"] });
    client.ok("AmazonSSM.ModifyDocumentPermission", add).await;
    let two = client
        .ok("AmazonSSM.DescribeDocumentPermission", show.clone())
        .await;
    assert_eq!(two["AccountIds"], json!(["111111111111", "222222222222"]));
    client
        .fails(
            "AmazonSSM.DeleteDocument",
            json!({ "Name": "Doc" }),
            "InvalidDocumentOperation",
        )
        .await;
    client
        .fails(
            "AmazonSSM.DescribeDocumentPermission",
            json!({ "Name": "Doc", "PermissionType": "X" }),
            "InvalidPermissionType",
        )
        .await;
    let remove = json!({ "Name": "Doc", "PermissionType": "Share", "AccountIdsToRemove": ["222222222222", "111111111111"] });
    client
        .ok("AmazonSSM.ModifyDocumentPermission", remove)
        .await;
    let tag = |more: Value| {
        let mut body = json!({ "ResourceType": "Document", "ResourceId": "Doc" });
        body.as_object_mut()
            .expect("object")
            .extend(more.as_object().expect("object").clone());
        body
    };
    client
        .ok(
            "AmazonSSM.AddTagsToResource",
            tag(json!({ "Tags": [{ "Key": "owner", "Value": "x" }] })),
        )
        .await;
    client
        .ok(
            "AmazonSSM.RemoveTagsFromResource",
            tag(json!({ "TagKeys": ["managed-by"] })),
        )
        .await;
    let tags = client
        .ok("AmazonSSM.ListTagsForResource", tag(json!({})))
        .await;
    assert_eq!(
        tags,
        json!({ "TagList": [{ "Key": "owner", "Value": "x" }] })
    );
    let described = client
        .ok("AmazonSSM.DescribeDocument", json!({ "Name": "Doc" }))
        .await;
    assert_eq!(described["Document"]["Tags"], tags["TagList"]);
    client
        .fails(
            "AmazonSSM.ListTagsForResource",
            json!({ "ResourceType": "Document", "ResourceId": "None" }),
            "InvalidResourceId",
        )
        .await;
    client
        .fails(
            "AmazonSSM.ListTagsForResource",
            json!({ "ResourceType": "Parameter", "ResourceId": "x" }),
            "InvalidResourceType",
        )
        .await;
    client
        .ok("AmazonSSM.DeleteDocument", json!({ "Name": "Doc" }))
        .await;
}
