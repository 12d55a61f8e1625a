//! Which operation a request means: by its target, its action, or its method and path. Built once per service.

use std::collections::HashMap;

use super::error::echo;
use super::read_query::action;
use super::{InboundError, Limits, Request, compressed, wire_name};
use crate::model::{Location, Operation, Protocol, Service};

/// The ways to a service's operations.
#[derive(Debug, Default)]
pub struct Routes {
    by_name: HashMap<String, usize>,
    tree: Node,
}

/// The ways behind the segments of a path.
#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    /// One segment, whatever it is.
    label: Option<Box<Node>>,
    /// One segment or more, and the literal segments that must follow.
    greedy: Vec<(Vec<String>, Vec<End>)>,
    ends: Vec<End>,
}

/// An operation at the end of a path, with what else a request must have. The more there is, the earlier it stands.
#[derive(Debug, Clone)]
struct End {
    method: String,
    constants: Vec<(String, Option<String>)>,
    /// Query parameters of required members.
    query: Vec<String>,
    /// Headers of required members, in lower case.
    headers: Vec<String>,
    operation: usize,
}

/// Path of a URI template, without its constant query.
pub(super) fn path_of(uri: &str) -> &str {
    uri.split_once('?').map_or(uri, |(path, _)| path)
}

/// Constant query parameters of a URI template; the value is `None` where the name stands alone.
pub(super) fn constants(uri: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| match pair.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (pair, None),
    })
}

/// Name of a label, and whether it takes several segments.
fn label(segment: &str) -> Option<(&str, bool)> {
    let inner = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(match inner.strip_suffix('+') {
        Some(name) => (name, true),
        None => (inner, false),
    })
}

fn segments(path: &str) -> Vec<&str> {
    path.strip_prefix('/').unwrap_or(path).split('/').collect()
}

/// What the labels of a template stand for in a path, percent-encoded as they came. A last label takes all that is
/// left, since some clients do not encode the slashes of an ARN.
pub(super) fn labels<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let wanted = segments(template);
    let path = path.strip_prefix('/').unwrap_or(path);
    let have: Vec<&str> = path.split('/').collect();
    let mut found = Vec::new();
    let mut at = 0;
    for (step, segment) in wanted.iter().enumerate() {
        let after = wanted.len() - step - 1;
        match label(segment) {
            None if have.get(at) == Some(segment) => at += 1,
            None => return None,
            Some((name, greedy)) => {
                let end = if greedy || after == 0 {
                    have.len().checked_sub(after)?
                } else {
                    at + 1
                };
                found.push((name, joined(path, &have, at..end)?));
                at = end;
            }
        }
    }
    (at == have.len()).then_some(found)
}

/// Neighbouring segments as they stand in the path; `None` when they are empty.
fn joined<'a>(
    path: &'a str,
    segments: &[&'a str],
    range: std::ops::Range<usize>,
) -> Option<&'a str> {
    let before: usize = segments
        .get(..range.start)?
        .iter()
        .map(|s| s.len() + 1)
        .sum();
    let taken = segments.get(range)?;
    let length = taken
        .iter()
        .map(|s| s.len() + 1)
        .sum::<usize>()
        .checked_sub(1)?;
    path.get(before..before + length)
        .filter(|text| !text.is_empty())
}

impl Routes {
    /// The ways to all operations of a service.
    #[must_use]
    pub fn new(service: &Service) -> Self {
        let mut routes = Self::default();
        for (at, operation) in service.operations.iter().enumerate() {
            routes.by_name.insert(operation.name.to_string(), at);
            if matches!(service.protocol, Protocol::RestJson | Protocol::RestXml) {
                routes.add(service, operation, at);
            }
        }
        routes.tree.sort(service);
        routes
    }

    fn add(&mut self, service: &Service, operation: &Operation, at: usize) {
        let input = operation
            .input
            .as_ref()
            .and_then(|input| service.structure(input));
        let members = input.map(|input| input.members.as_slice());
        let required = |location: Location| {
            let bound = members.unwrap_or_default().iter().filter(move |member| {
                member.required && member.target.traits().location == Some(location)
            });
            bound.map(|member| wire_name(&member.target, member.name).to_owned())
        };
        let end = End {
            method: operation.method.to_string(),
            constants: constants(operation.uri)
                .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
                .collect(),
            query: required(Location::QueryString).collect(),
            headers: required(Location::Header)
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            operation: at,
        };
        let mut node = &mut self.tree;
        let segments = segments(path_of(operation.uri));
        for (step, segment) in segments.iter().enumerate() {
            let after = segments.get(step + 1..).unwrap_or_default();
            match label(segment) {
                Some((_, true)) => {
                    node.add_greedy(after, end);
                    return;
                }
                Some((_, false)) => {
                    if after.is_empty() {
                        node.add_greedy(after, end.clone());
                    }
                    node = node.label.get_or_insert_default();
                }
                None => node = node.literals.entry((*segment).to_owned()).or_default(),
            }
        }
        node.ends.push(end);
    }

    /// The operation that a request means. A form must be there with its body, unless its query names the action.
    ///
    /// # Errors
    /// [`InboundError::UnknownOperation`]; of a form that came compressed, also what keeps it from being read.
    pub fn operation<'s>(
        &self,
        service: &'s Service,
        request: &Request<'_>,
    ) -> Result<&'s Operation, InboundError> {
        let at = match service.protocol {
            Protocol::Json => self.by_target(service, request)?,
            Protocol::Query | Protocol::Ec2 => self.by_action(service, request)?,
            Protocol::Cbor => self.by_rpc_path(service, request)?,
            Protocol::RestJson | Protocol::RestXml => self.by_path(service, request)?,
        };
        service
            .operations
            .get(at)
            .ok_or_else(|| unknown(service, "the model", "has changed"))
    }

    fn by_target(&self, service: &Service, request: &Request<'_>) -> Result<usize, InboundError> {
        let target = request.headers.first("x-amz-target").unwrap_or_default();
        let prefix = service.target_prefix.unwrap_or_default();
        let name = target
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(target);
        let found = self.named(service, "X-Amz-Target", (name, target))?;
        if request.method != "POST" || request.path != "/" {
            return Err(InboundError::UnknownOperation(
                "this operation is called by POST to the path `/`".to_owned(),
            ));
        }
        Ok(found)
    }

    fn by_action(&self, service: &Service, request: &Request<'_>) -> Result<usize, InboundError> {
        let body = compressed::form(request, Limits::default().bytes)?;
        let plain = Request {
            body: &body,
            ..*request
        };
        let action = action(&plain).unwrap_or_default();
        self.named(service, "Action", (&action, &action))
    }

    fn by_rpc_path(&self, service: &Service, request: &Request<'_>) -> Result<usize, InboundError> {
        let segments = segments(request.path);
        match segments.as_slice() {
            [.., "service", _, "operation", name] if request.method == "POST" => {
                self.named(service, "the path", (name, name))
            }
            _ => Err(InboundError::UnknownOperation(format!(
                "operations of `{}` are called by POST to `/service/{}/operation/` and their name",
                service.name,
                service.target_prefix.unwrap_or(service.name)
            ))),
        }
    }

    /// The operation of this name, which stands in a place of the request as shown.
    fn named(
        &self,
        service: &Service,
        place: &str,
        (name, shown): (&str, &str),
    ) -> Result<usize, InboundError> {
        let found = self.by_name.get(name).copied();
        found.ok_or_else(|| unknown(service, place, &format!("names `{}`", echo(shown))))
    }

    fn by_path(&self, service: &Service, request: &Request<'_>) -> Result<usize, InboundError> {
        let segments = segments(request.path);
        let mut found = self.tree.find(&segments, request);
        // A bucket's path may end with a slash.
        if let (None, Protocol::RestXml, Some((&"", bare))) =
            (found, service.protocol, segments.split_last())
        {
            found = self.tree.find(bare, request);
        }
        found.ok_or_else(|| {
            let what = format!("is `{} {}`", echo(request.method), echo(request.path));
            unknown(service, "the request", &what)
        })
    }
}

fn unknown(service: &Service, place: &str, what: &str) -> InboundError {
    InboundError::UnknownOperation(format!(
        "{place} {what}, which is no operation of `{}`",
        service.name
    ))
}

impl Node {
    fn add_greedy(&mut self, after: &[&str], end: End) {
        let known = self
            .greedy
            .iter_mut()
            .find(|(have, _)| have.iter().eq(after.iter()));
        match known {
            Some((_, ends)) => ends.push(end),
            None => {
                let after = after.iter().map(|segment| (*segment).to_owned()).collect();
                self.greedy.push((after, vec![end]));
            }
        }
    }

    /// Puts what asks for more before what asks for less.
    fn sort(&mut self, service: &Service) {
        let weight = |end: &End| {
            std::cmp::Reverse((end.constants.len(), end.query.len() + end.headers.len()))
        };
        let order = |ends: &mut Vec<End>| {
            ends.sort_by_key(weight);
            supersede(service, ends);
        };
        order(&mut self.ends);
        self.greedy
            .sort_by_key(|(after, _)| std::cmp::Reverse(after.len()));
        for (_, ends) in &mut self.greedy {
            order(ends);
        }
        for node in self.literals.values_mut() {
            node.sort(service);
        }
        if let Some(label) = &mut self.label {
            label.sort(service);
        }
    }

    /// The most specific way: a literal before a label before several segments. INVARIANT: a template has few labels,
    /// so that the search branches seldom and never deeper than the longest template.
    fn find(&self, segments: &[&str], request: &Request<'_>) -> Option<usize> {
        let Some((first, rest)) = segments.split_first() else {
            return choose(&self.ends, request);
        };
        let literal = self.literals.get(*first);
        if let Some(found) = literal.and_then(|node| node.find(rest, request)) {
            return Some(found);
        }
        let label = self.label.as_ref().filter(|_| !first.is_empty());
        if let Some(found) = label.and_then(|node| node.find(rest, request)) {
            return Some(found);
        }
        self.greedy.iter().find_map(|(after, ends)| {
            // A key may begin with a slash; one that is empty is none.
            let taken = segments.len().saturating_sub(after.len());
            let fits = (taken > 1 || (taken == 1 && !first.is_empty()))
                && segments
                    .iter()
                    .rev()
                    .zip(after.iter().rev())
                    .all(|(have, want)| have == want);
            fits.then(|| choose(ends, request)).flatten()
        })
    }
}

/// Of two operations that requests cannot tell apart, the one whose name goes on is the newer, as
/// `PutBucketLifecycleConfiguration` is that of `PutBucketLifecycle`; the other is deprecated.
fn supersede(service: &Service, ends: &mut Vec<End>) {
    let name = |end: &End| {
        let operation = service.operations.get(end.operation);
        operation.map_or("", |operation| operation.name)
    };
    let all = ends.clone();
    ends.retain(|old| {
        !all.iter().any(|new| {
            (&new.method, &new.constants) == (&old.method, &old.constants)
                && (&new.query, &new.headers) == (&old.query, &old.headers)
                && name(new).len() > name(old).len()
                && name(new).starts_with(name(old))
        })
    });
}

/// The first of the operations at one path whose method, query and headers fit.
fn choose(ends: &[End], request: &Request<'_>) -> Option<usize> {
    let given = |name: &str| {
        let mut pairs = request.query.split('&');
        pairs.find_map(|pair| {
            let (have, value) = pair.split_once('=').unwrap_or((pair, ""));
            (have == name).then_some(value)
        })
    };
    // The operation's name for logs: most clients of S3 leave it out.
    let free = |name: &str| name == "x-id" && given(name).is_none();
    let means = |end: &&End| {
        let constant = |(name, value): &(String, Option<String>)| {
            let told = |have: &str| value.as_deref().is_none_or(|value| value == have);
            free(name) || given(name).is_some_and(told)
        };
        end.method == request.method && end.constants.iter().all(constant)
    };
    let has_all = |end: &End| {
        let query = |name: &String| given(&crate::percent::encode(name)).is_some();
        let header = |name: &String| request.headers.first(name).is_some();
        end.query.iter().all(query) && end.headers.iter().all(header)
    };
    let rank = |end: &&End| {
        let asked = end.query.len() + end.headers.len();
        // Where none has all it asks for, whoever serves the least demanding one says what is missing.
        let fit = if has_all(end) {
            (true, asked, 0)
        } else {
            (false, 0, usize::MAX - asked)
        };
        (end.constants.len(), fit)
    };
    // Of equals, the last is taken: the first in the model's order.
    let meant = ends.iter().rev().filter(means).max_by_key(rank);
    meant.map(|end| end.operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_in_paths() {
        for (template, path, want) in [
            (
                "/tags/{arn}",
                "/tags/arn%3Aa%2Fb",
                Some(vec!["arn%3Aa%2Fb"]),
            ),
            ("/tags/{arn}", "/tags/arn:a/b", Some(vec!["arn:a/b"])),
            ("/tags/{arn}", "/tags/", None),
            ("/tags/{arn}", "/tags", None),
            ("/tags/{arn}", "/tagsx/a", None),
            ("/a/{x}/b", "/a/1/b", Some(vec!["1"])),
            ("/a/{x}/b", "/a/1/b/c", None),
            ("/a/{x+}/b", "/a/1/2/b", Some(vec!["1/2"])),
            ("/a/{x+}/b", "/a/b", None),
            ("/{b}/{k+}", "/b/k/l/", Some(vec!["b", "k/l/"])),
            ("/plan", "/plan", Some(vec![])),
            ("/plan", "/plan/", None),
        ] {
            let found = labels(template, path);
            let found =
                found.map(|found| found.into_iter().map(|(_, text)| text).collect::<Vec<_>>());
            assert_eq!(found, want, "{template} {path}");
        }
    }

    #[test]
    fn the_most_specific_operation_is_meant() {
        let s3 = crate::model::catalog().service("s3").unwrap();
        let routes = Routes::new(&s3);
        let copy = vec![("x-amz-copy-source".to_owned(), "b/k".to_owned())];
        let plain = Vec::new();
        for (method, path, query, headers, want) in [
            ("GET", "/", "", &plain, "ListBuckets"),
            ("GET", "/b", "", &plain, "ListObjects"),
            (
                "GET",
                "/b/",
                "list-type=2&prefix=x",
                &plain,
                "ListObjectsV2",
            ),
            ("GET", "/b", "versioning", &plain, "GetBucketVersioning"),
            ("GET", "/b", "acl=", &plain, "GetBucketAcl"),
            ("GET", "/b/k/l", "acl", &plain, "GetObjectAcl"),
            ("GET", "/b/k/l", "", &plain, "GetObject"),
            ("GET", "/b/k", "uploadId=1", &plain, "ListParts"),
            ("GET", "/b/k", "attributes", &plain, "GetObjectAttributes"),
            ("PUT", "/b/k", "x-id=PutObject", &plain, "PutObject"),
            ("PUT", "/b/k", "", &copy, "CopyObject"),
            (
                "PUT",
                "/b/k",
                "partNumber=1&uploadId=2",
                &plain,
                "UploadPart",
            ),
            (
                "PUT",
                "/b/k",
                "partNumber=1&uploadId=2",
                &copy,
                "UploadPartCopy",
            ),
            ("POST", "/b", "delete", &plain, "DeleteObjects"),
        ] {
            let request = Request {
                method,
                path,
                query,
                headers,
                body: b"",
            };
            let found = routes
                .operation(&s3, &request)
                .map(|operation| operation.name);
            assert_eq!(found, Ok(want), "{method} {path}?{query}");
        }
        let request = Request {
            method: "PATCH",
            path: "/b",
            query: "",
            headers: &plain,
            body: b"",
        };
        assert!(routes.operation(&s3, &request).is_err());
    }
}
