//! Lists that come in pages: one page after the other, or all in one as boto3's `build_full_result` gives them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::merge;
use super::path::{self, Path};
use super::{CallError, Client, Policy, Request};
use crate::Error;
use crate::model::{Operation, Paginator, Service, Shape, catalog};

/// Longest starting token that is read, in bytes.
const MAX_TOKEN: usize = 64 * 1024;
/// Member of a resume token that says how many items of its page were taken already; boto3's name.
const TAKEN: &str = "boto_truncate_amount";

/// How far a list is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageLimits {
    /// Most items of the main list in all; the rest is left to [`Pages::resume_token`].
    pub max_items: Option<usize>,
    /// Most pages that are asked for.
    pub max_pages: Option<usize>,
    /// Items that each page should have.
    pub page_size: Option<u32>,
    /// Where to begin: a [`Pages::resume_token`] of an earlier reading, of boto3 or the AWS CLI as well.
    pub starting_token: Option<String>,
}

/// Why a list cannot be read on.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum PageError {
    /// A page could not be fetched.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Limits were given for an operation without pages.
    #[error("operation `{operation}` of `{service}` does not come in pages: leave out {what}")]
    NotPageable {
        /// Client name.
        service: String,
        /// Operation.
        operation: String,
        /// Which limit.
        what: &'static str,
    },
    /// The operation has no parameter for the length of its pages.
    #[error(
        "operation `{operation}` of `{service}` lets nobody choose the page size: leave it out"
    )]
    NoPageSize {
        /// Client name.
        service: String,
        /// Operation.
        operation: String,
    },
    /// The starting token is none of this operation's.
    #[error(
        "bad starting token: {0}; give the token as an earlier reading of the same operation gave it"
    )]
    StartingToken(String),
    /// The service would send the same page for ever.
    #[error("the same next token was received twice: {0}")]
    SameToken(String),
    /// The model's paginator cannot be used.
    #[error("the paginator of `{operation}` of `{service}` cannot be used: {reason}")]
    Model {
        /// Client name.
        service: String,
        /// Operation.
        operation: String,
        /// What is wrong.
        reason: String,
    },
}

/// The pages of one call. Ends after an error.
#[derive(Debug)]
pub struct Pages {
    client: Client,
    request: Request,
    policy: Policy,
    limits: PageLimits,
    plan: Option<Plan>,
    state: State,
}

/// Where the reading stands.
#[derive(Debug, Default)]
struct State {
    done: bool,
    pages: usize,
    items: usize,
    /// Tokens by which the last page was asked for.
    tokens: Tokens,
    /// Items of the first page that an earlier reading took.
    taken: usize,
    resume: Option<String>,
}

/// Values of the input tokens, by member; null where there is none.
type Tokens = BTreeMap<String, Value>;

/// A model's paginator, read.
#[derive(Debug, Clone)]
struct Plan {
    input_tokens: Vec<String>,
    output_tokens: Vec<Path>,
    results: Vec<Path>,
    same: Vec<Path>,
    more: Option<Path>,
    limit: Option<Limit>,
}

/// The parameter for the page size.
#[derive(Debug, Clone)]
struct Limit {
    member: String,
    is_text: bool,
}

impl Client {
    /// The pages of a call. An operation without a paginator has one page.
    ///
    /// # Errors
    /// The operation is unknown, or the limits do not fit it. Nothing is sent yet.
    pub fn pages(
        &self,
        request: &Request,
        policy: Policy,
        limits: PageLimits,
    ) -> Result<Pages, PageError> {
        let invalid = |error: Error| CallError::unsent(error, policy.repeatable);
        let service = catalog().service(&request.service).map_err(invalid)?;
        let operation = crate::call::find(&service, &request.operation).map_err(invalid)?;
        let plan = match &operation.paginator {
            Some(paginator) => Some(Plan::read(&service, operation, paginator)?),
            None => None,
        };
        limits.check(&service, operation, plan.as_ref())?;
        let mut pages = Pages {
            client: self.clone(),
            request: request.clone(),
            policy,
            limits,
            plan,
            state: State::default(),
        };
        pages.begin()?;
        Ok(pages)
    }
}

impl PageLimits {
    fn check(
        &self,
        service: &Service,
        operation: &Operation,
        plan: Option<&Plan>,
    ) -> Result<(), PageError> {
        let (service, operation) = (service.name.to_string(), operation.name.to_string());
        let given = [
            ("the page size", self.page_size.is_some()),
            ("the starting token", self.starting_token.is_some()),
            ("the number of items", self.max_items.is_some()),
        ];
        let given = given.iter().find(|(_, given)| *given);
        match (plan, given) {
            (None, Some((what, _))) => Err(PageError::NotPageable {
                service,
                operation,
                what,
            }),
            (Some(plan), _) if self.page_size.is_some() && plan.limit.is_none() => {
                Err(PageError::NoPageSize { service, operation })
            }
            _ => Ok(()),
        }
    }
}

impl Plan {
    fn read(
        service: &Service,
        operation: &Operation,
        paginator: &Paginator,
    ) -> Result<Self, PageError> {
        let wrong = |reason: String| PageError::Model {
            service: service.name.to_string(),
            operation: operation.name.to_string(),
            reason,
        };
        let paths = |names: &[crate::model::Name]| -> Result<Vec<Path>, PageError> {
            let paths = names.iter().map(|name| Path::parse(name));
            paths.collect::<Result<_, _>>().map_err(wrong)
        };
        let input = operation.input.as_ref();
        let member_is_text = |name: &str| {
            let member = input
                .and_then(|input| service.structure(input))
                .and_then(|structure| structure.member(name));
            member
                .is_some_and(|member| matches!(service.shape(&member.target), Shape::String { .. }))
        };
        let more = paginator.more_results.as_ref();
        Ok(Self {
            input_tokens: paginator
                .input_tokens
                .iter()
                .map(|name| name.to_string())
                .collect(),
            output_tokens: paths(&paginator.output_tokens)?,
            results: paths(&paginator.result_keys)?,
            same: paths(&paginator.non_aggregate_keys)?,
            more: more
                .map(|path| Path::parse(path))
                .transpose()
                .map_err(wrong)?,
            limit: paginator.limit_key.as_ref().map(|name| Limit {
                member: name.to_string(),
                is_text: member_is_text(name),
            }),
        })
    }

    fn main(&self) -> Option<&Path> {
        self.results.first()
    }

    /// Tokens for the next page; empty when this one is the last.
    fn next_tokens(&self, page: &Value) -> Tokens {
        let is_last = self
            .more
            .as_ref()
            .is_some_and(|more| !more.find(page).is_some_and(|more| path::is_truthy(&more)));
        if is_last {
            return Tokens::new();
        }
        let found = self.output_tokens.iter().map(|token| {
            let token = token.find(page).filter(|token| path::is_truthy(token));
            token.map_or(Value::Null, std::borrow::Cow::into_owned)
        });
        let tokens: Tokens = self.input_tokens.iter().cloned().zip(found).collect();
        if tokens.values().all(Value::is_null) {
            return Tokens::new();
        }
        tokens
    }
}

impl Pages {
    /// The next page; `None` after the last. Pages are cut where the limits say so.
    pub async fn next(&mut self) -> Option<Result<Value, PageError>> {
        if self.state.done {
            return None;
        }
        self.state.done = true;
        let mut page = match self.client.call(&self.request, self.policy).await {
            Ok(answer) => answer.value,
            Err(error) => return Some(Err(error.into())),
        };
        self.state.pages += 1;
        let Some(plan) = self.plan.clone() else {
            return Some(Ok(page));
        };
        let begun_inside = self.state.pages == 1 && self.limits.starting_token.is_some();
        let skipped = if begun_inside { self.state.taken } else { 0 };
        if begun_inside {
            skip(&plan, &mut page, skipped);
        }
        let found = plan.main().and_then(|main| main.find(&page));
        let count = found.map_or(0, |found| length(&found));
        let room = self
            .limits
            .max_items
            .map(|max| max - self.state.items.min(max));
        if let Some(room) = room.filter(|room| count > *room) {
            truncate(&plan, &mut page, room);
            let tokens = self.state.tokens.clone();
            self.state.resume = Some(resume(&plan, tokens, Some(room + skipped)));
            return Some(Ok(page));
        }
        self.state.items += count;
        match self.go_on(&plan, &page) {
            Ok(()) => Some(Ok(page)),
            Err(error) => Some(Err(error)),
        }
    }

    /// Prepares the request for the page after this one, unless it is the last that is wanted.
    fn go_on(&mut self, plan: &Plan, page: &Value) -> Result<(), PageError> {
        let tokens = plan.next_tokens(page);
        if tokens.is_empty() {
            return Ok(());
        }
        let enough = self.limits.max_items == Some(self.state.items)
            || self
                .limits
                .max_pages
                .is_some_and(|max| self.state.pages >= max);
        if enough {
            self.state.resume = Some(resume(plan, tokens, None));
            return Ok(());
        }
        if self.state.pages > 1 && tokens == self.state.tokens {
            return Err(PageError::SameToken(json!(tokens).to_string()));
        }
        self.inject(&tokens);
        self.state.tokens = tokens;
        self.state.done = false;
        Ok(())
    }

    /// Where a later reading can go on, if this one ended before the list did.
    #[must_use]
    pub fn resume_token(&self) -> Option<&str> {
        self.state.resume.as_deref()
    }

    /// Reads all pages into one answer, as boto3's `build_full_result`: the lists are joined, numbers added, texts
    /// joined, what is the same on all pages taken from the first. `NextToken` is the [`Pages::resume_token`]. An
    /// operation without a paginator gives its answer as it is.
    ///
    /// # Errors
    /// [`PageError`]: what was read before is given up.
    pub async fn collect(mut self) -> Result<Value, PageError> {
        let Some(plan) = self.plan.clone() else {
            return self.next().await.unwrap_or(Ok(Value::Null));
        };
        let (mut whole, mut same) = (Value::Object(Map::new()), Value::Object(Map::new()));
        let mut results = plan.results.clone();
        let mut first = true;
        while let Some(page) = self.next().await {
            let page = page?;
            if std::mem::take(&mut first) {
                for path in &plan.same {
                    let found = path
                        .find(&page)
                        .map_or(Value::Null, std::borrow::Cow::into_owned);
                    path.put(&mut same, found);
                }
                if results.is_empty() {
                    results = merge::lists_of(&page);
                }
            }
            merge::add(&mut whole, &results, &page);
        }
        merge::lay_under(&mut whole, same);
        if let (Some(token), Some(members)) = (self.state.resume, whole.as_object_mut()) {
            members.insert("NextToken".to_owned(), token.into());
        }
        Ok(whole)
    }

    /// Puts the page size and the starting token into the request.
    fn begin(&mut self) -> Result<(), PageError> {
        let Some(plan) = self.plan.clone() else {
            return Ok(());
        };
        if let Some(token) = &self.limits.starting_token {
            let (tokens, taken) = read_token(&plan, token).map_err(PageError::StartingToken)?;
            self.inject(&tokens);
            (self.state.tokens, self.state.taken) = (tokens, taken);
        } else {
            let none = plan
                .input_tokens
                .iter()
                .map(|name| (name.clone(), Value::Null));
            self.state.tokens = none.collect();
        }
        if let (Some(size), Some(limit)) = (self.limits.page_size, &plan.limit) {
            let size = if limit.is_text {
                size.to_string().into()
            } else {
                size.into()
            };
            if let Some(params) = self.params() {
                params.insert(limit.member.clone(), size);
            }
        }
        Ok(())
    }

    fn inject(&mut self, tokens: &Tokens) {
        let Some(params) = self.params() else { return };
        for (name, token) in tokens {
            if token.is_null() || token == "None" {
                params.remove(name);
            } else {
                params.insert(name.clone(), token.clone());
            }
        }
    }

    fn params(&mut self) -> Option<&mut Map<String, Value>> {
        let params = &mut self.request.params;
        if params.is_null() {
            *params = Value::Object(Map::new());
        }
        params.as_object_mut()
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.len(),
        Value::String(text) => text.chars().count(),
        Value::Object(members) => members.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Takes off the items of the first page that an earlier reading took, and the other lists, which it took whole.
fn skip(plan: &Plan, page: &mut Value, taken: usize) {
    for (i, path) in plan.results.iter().enumerate() {
        let rest = match path.find(page).map(std::borrow::Cow::into_owned) {
            Some(Value::Array(elements)) if i == 0 => elements.into_iter().skip(taken).collect(),
            Some(Value::String(text)) if i == 0 => {
                text.chars().skip(taken).collect::<String>().into()
            }
            Some(Value::Array(_)) => json!([]),
            Some(Value::String(_)) => json!(""),
            Some(number @ Value::Number(_)) if i > 0 => number,
            _ => Value::Null,
        };
        path.put(page, rest);
    }
}

fn truncate(plan: &Plan, page: &mut Value, keep: usize) {
    let Some(main) = plan.main() else { return };
    let kept = match main.find(page).map(std::borrow::Cow::into_owned) {
        Some(Value::Array(mut elements)) => {
            elements.truncate(keep);
            Value::Array(elements)
        }
        Some(Value::String(text)) => text.chars().take(keep).collect::<String>().into(),
        Some(Value::Object(members)) => members.into_iter().take(keep).collect(),
        _ => return,
    };
    main.put(page, kept);
}

/// A resume token in boto3's form: base64 of JSON with the tokens and the number of items taken.
fn resume(plan: &Plan, mut tokens: Tokens, taken: Option<usize>) -> String {
    for name in &plan.input_tokens {
        tokens.entry(name.clone()).or_insert(Value::Null);
    }
    let mut members: Map<String, Value> = tokens.into_iter().collect();
    if let Some(taken) = taken {
        members.insert(TAKEN.to_owned(), taken.into());
    }
    STANDARD.encode(Value::Object(members).to_string())
}

fn read_token(plan: &Plan, token: &str) -> Result<(Tokens, usize), String> {
    if token.len() > MAX_TOKEN {
        return Err(format!("it has more than {MAX_TOKEN} bytes"));
    }
    let bytes = STANDARD
        .decode(token)
        .map_err(|_| "it is not base64".to_owned())?;
    let read = serde_json::from_slice::<Map<String, Value>>(&bytes);
    let mut members = read.map_err(|_| "it holds no JSON object".to_owned())?;
    let taken = match members.remove(TAKEN) {
        None => 0,
        Some(taken) => taken
            .as_u64()
            .and_then(|taken| usize::try_from(taken).ok())
            .ok_or_else(|| format!("`{TAKEN}` is no number"))?,
    };
    let names: std::collections::BTreeSet<&String> = members.keys().collect();
    if names != plan.input_tokens.iter().collect() {
        return Err(format!(
            "it is of another operation: this one has `{}`",
            plan.input_tokens.join("`, `")
        ));
    }
    Ok((members.into_iter().collect(), taken))
}
