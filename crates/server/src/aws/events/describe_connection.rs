//! `DescribeConnection`: everything but the secrets.

use serde_json::Value;

use super::connections::{self, NAME};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("Name", NAME)?;
    let kept = connections::existing(&call, name, "describe").await?;
    let connection = &kept.body;
    let mut shown = connections::summary(&call, &kept);
    let secret = connections::secret_arn(&call, connection);
    shown.insert("SecretArn".to_owned(), secret.into());
    shown.insert("AuthParameters".to_owned(), connection.shown.clone());
    if let Some(description) = &connection.description {
        shown.insert("Description".to_owned(), description.as_str().into());
    }
    Ok(Reply::ok(Value::Object(shown)))
}
