//! ARNs and storage keys of response plans and the replication set, and the service's exceptions.

use http::StatusCode;
use model::Rejection;
use model::arn::Arn;
use model::plan::{RESPONSE_PLAN, ResponsePlan, plan_arn};

use crate::call::Call;
use crate::catalog::{self, Key};
use crate::decode::{Text, is_word};
use crate::error::{ApiError, echo};
use crate::page::{Cursor, Page};

/// `resourceType` of response plans.
pub(super) const PLAN: &str = "RESPONSE_PLAN";
/// `resourceType` of incidents.
pub(super) const RECORD: &str = "INCIDENT_RECORD";
/// `resourceType` of timeline events.
pub(super) const EVENT: &str = "TIMELINE_EVENT";
/// `resourceType` of the replication set.
pub(super) const SET: &str = "REPLICATION_SET";
/// `resourceType` of resource policies.
pub(super) const POLICY: &str = "RESOURCE_POLICY";

/// An ARN of any service.
pub(super) const ARN: Text = Text::length(0, 1000).matching(
    "^arn:aws(-cn|-us-gov)?:[a-z0-9-]*:[a-z0-9-]*:([0-9]{12})?:.+$",
    is_arn,
);
/// An event's id.
pub(super) const EVENT_ID: Text = Text::length(0, 50);
/// A pagination token.
const NEXT_TOKEN: Text = Text::length(0, 2000);
/// Largest page, and the size of a page when none is asked for.
const PAGE: usize = 100;

fn is_arn(text: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| {
        let account = &arn.account;
        is_word(&arn.service, "-")
            && is_word(&arn.region, "-")
            && (account.is_empty()
                || account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// A member that must be there and not be empty.
pub(super) fn required<'a>(call: &'a Call, name: &str, rule: Text) -> Result<&'a str, ApiError> {
    let text = call.fields().text(name, Text::length(0, usize::MAX))?;
    let text = text
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::constraint(name, None, "Member must not be null"))?;
    rule.check(name, text)?;
    Ok(text)
}

/// Checks the client's token, which only creations look at: all other operations are idempotent by themselves.
pub(super) fn client_token(call: &Call) -> Result<Option<String>, ApiError> {
    let token = call.fields().text("clientToken", Text::length(0, 128))?;
    Ok(token.filter(|token| !token.is_empty()).map(str::to_owned))
}

/// The name in the ARN of one of this account's response plans.
pub(super) fn plan_name<'a>(call: &Call, arn: &'a str) -> Option<&'a str> {
    let name = arn.rsplit_once(":response-plan/").map(|(_, name)| name)?;
    (plan_arn(&call.scope.global(), name) == arn).then_some(name)
}

/// Where a plan is kept; with an empty name, the family of all plans.
pub(super) fn plan_key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.global(),
        kind: RESPONSE_PLAN,
        name: name.to_owned(),
    }
}

/// A plan that must exist.
pub(super) async fn existing_plan(call: &Call, arn: &str) -> Result<ResponsePlan, ApiError> {
    let name = plan_name(call, arn).ok_or_else(|| missing(PLAN, arn))?;
    let found = catalog::read::<ResponsePlan>(call.handle(), &plan_key(call, name)).await?;
    found
        .map(|kept| kept.body)
        .ok_or_else(|| missing(PLAN, arn))
}

/// Something that does not exist.
pub(super) fn missing(kind: &str, id: &str) -> ApiError {
    let words = kind.to_ascii_lowercase().replace('_', " ");
    ApiError::not_found(format!("The {words} `{}` does not exist.", echo(id)))
        .member("resourceIdentifier", echo(id).as_ref())
        .member("resourceType", kind)
}

/// Something that exists already, or was made with other parameters.
pub(super) fn conflict(kind: &str, id: &str, message: impl Into<String>) -> ApiError {
    ApiError::conflict(message)
        .member("resourceIdentifier", id)
        .member("resourceType", kind)
}

/// A limit is reached.
pub(super) fn quota(message: impl Into<String>) -> ApiError {
    ApiError::new("ServiceQuotaExceededException", message)
        .status(StatusCode::PAYMENT_REQUIRED)
        .member("serviceCode", "ssm-incidents")
        .member("quotaCode", "built-in")
}

/// A machine's or a model's refusal, in the service's exceptions.
pub(super) fn refused(rejection: Rejection) -> ApiError {
    match rejection {
        Rejection::Invalid { field, message } if field.is_empty() => ApiError::validation(message),
        Rejection::Invalid { field, message } => {
            ApiError::validation(format!("`{field}`: {message}"))
        }
        Rejection::NotFound { kind, id } => missing(&kind, &id),
        Rejection::Conflict { message, .. } => ApiError::conflict(message),
        Rejection::Closed => {
            ApiError::conflict("The incident was resolved at the same time: try again.")
        }
        Rejection::Quota { message } => quota(message),
    }
}

/// The page that `maxResults` (at most `most`) and `nextToken` ask for; `question` is all else that selects the results.
pub(super) fn page(
    call: &Call,
    operation: &str,
    question: &str,
    most: usize,
) -> Result<Page, ApiError> {
    let fields = call.fields();
    let most = most.min(PAGE);
    let size = fields.page_size("maxResults", i64::try_from(most).unwrap_or(1), most)?;
    let token = fields
        .text("nextToken", NEXT_TOKEN)?
        .filter(|token| !token.is_empty());
    Page::new(Cursor::new(call, operation, question), size, token).ok_or_else(|| {
        ApiError::validation(
            "`nextToken` is not valid: take it from the answer before, with the same parameters.",
        )
    })
}

/// As [`page`], with the service's usual largest page.
pub(super) fn usual_page(call: &Call, operation: &str, question: &str) -> Result<Page, ApiError> {
    page(call, operation, question, PAGE)
}
