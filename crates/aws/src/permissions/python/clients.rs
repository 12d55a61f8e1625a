//! Which names of a script hold clients of boto3, and of which services.
//!
//! Names count for the whole script, wherever they stand; a client handed to a function makes the function's parameter
//! one, and what a function returns makes its calls one. Rounds go on until nothing is learnt any more.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use super::tokens::{self, Token, is};

/// Most rounds of learning: each passes clients through one more call.
const ROUNDS: usize = 6;

/// What is known of a script's names.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// Services by name of a variable.
    variables: BTreeMap<String, BTreeSet<String>>,
    /// Functions by name.
    functions: BTreeMap<String, Function>,
    /// Clients whose service is not known.
    pub(super) unknown: Vec<(u32, String)>,
}

#[derive(Debug, Default, Clone)]
struct Function {
    params: Vec<String>,
    /// Tokens of its body.
    body: (usize, usize),
    /// Services of the clients that it returns.
    returns: BTreeSet<String>,
    /// Position of the parameter that names the service of the client it returns.
    service_param: Option<usize>,
}

/// The service that an expression's client is for.
enum Service {
    Known(BTreeSet<String>),
    /// Named by this name.
    Name(String),
    Unknown,
}

impl Clients {
    pub(super) fn find(tokens: &[Token<'_>]) -> Self {
        let mut clients = Self {
            functions: functions(tokens),
            ..Self::default()
        };
        for _ in 0..ROUNDS {
            let before = clients.size();
            clients.round(tokens);
            if clients.size() == before {
                break;
            }
        }
        clients.tell_unknown(tokens);
        clients
    }

    fn size(&self) -> usize {
        let variables: usize = self.variables.values().map(BTreeSet::len).sum();
        let functions = self.functions.values();
        variables
            + functions
                .map(|f| f.returns.len() + usize::from(f.service_param.is_some()))
                .sum::<usize>()
    }

    fn round(&mut self, tokens: &[Token<'_>]) {
        for at in 0..tokens.len() {
            if is(tokens, at, "=") && !is(tokens, at + 1, "=") && at > 0 {
                self.assignment(tokens, at);
            }
            if is(tokens, at, "return") {
                self.returned(tokens, at);
            }
            if is(tokens, at, "(") && at > 0 {
                self.handed_over(tokens, at);
            }
        }
    }

    /// `name = client`, `self.name = client`, `with client as name` is not customary.
    fn assignment(&mut self, tokens: &[Token<'_>], at: usize) {
        let Some(name) = tokens.get(at - 1).and_then(Token::name) else {
            return;
        };
        let services = self.expression(tokens, at + 1);
        if !services.is_empty() {
            self.variables
                .entry(name.to_owned())
                .or_default()
                .extend(services);
        }
    }

    fn returned(&mut self, tokens: &[Token<'_>], at: usize) {
        let around = self
            .functions
            .iter()
            .filter(|(_, f)| f.body.0 <= at && at < f.body.1)
            .max_by_key(|(_, f)| f.body.0)
            .map(|(name, _)| name.clone());
        let Some(name) = around else { return };
        let services = self.expression(tokens, at + 1);
        let by_name = match made_here(tokens, at + 1) {
            Some((Service::Name(name), _)) => Some(name),
            _ => None,
        };
        if let Some(function) = self.functions.get_mut(&name) {
            function.returns.extend(services);
            if let Some(param) = by_name {
                function.service_param = function.params.iter().position(|p| *p == param);
            }
        }
    }

    /// `f(client, other=client)`: the parameters of `f` are clients too.
    fn handed_over(&mut self, tokens: &[Token<'_>], open: usize) {
        let Some(function) = tokens
            .get(open - 1)
            .and_then(Token::name)
            .and_then(|name| self.functions.get(name))
        else {
            return;
        };
        let params = function.params.clone();
        let arguments = tokens::arguments(tokens, open);
        let positional = arguments
            .names
            .iter()
            .enumerate()
            .filter_map(|(n, name)| Some((params.get(n)?.clone(), name.clone()?)));
        let all: Vec<(String, String)> = positional.chain(arguments.named_names).collect();
        for (param, name) in all {
            if let Some(services) = self.variables.get(&name).cloned() {
                self.variables.entry(param).or_default().extend(services);
            }
        }
    }

    /// Services of the client that the expression at `at` is; empty when it is none.
    fn expression(&self, tokens: &[Token<'_>], at: usize) -> BTreeSet<String> {
        if let Some((service, end)) = made_here(tokens, at) {
            // A method called on it makes the expression something else.
            if is(tokens, end + 1, ".") {
                return BTreeSet::new();
            }
            if let Service::Known(services) = service {
                return services;
            }
            return BTreeSet::new();
        }
        let Some(name) = tokens.get(at).and_then(Token::name) else {
            return BTreeSet::new();
        };
        if is(tokens, at + 1, "(") {
            let end = tokens::closing(tokens, at + 1).unwrap_or(at);
            if is(tokens, end + 1, ".") {
                return BTreeSet::new();
            }
            return self.made_by(tokens, name, at + 1);
        }
        let alone = tokens.get(at + 1).is_none_or(|next| next.first);
        match self.variables.get(name).filter(|_| alone) {
            Some(services) => services.clone(),
            None => BTreeSet::new(),
        }
    }

    /// Services of what a call of one of the script's functions returns.
    fn made_by(&self, tokens: &[Token<'_>], name: &str, open: usize) -> BTreeSet<String> {
        let Some(function) = self.functions.get(name) else {
            return BTreeSet::new();
        };
        let mut services = function.returns.clone();
        if let Some(param) = function.service_param {
            let arguments = tokens::arguments(tokens, open);
            let given = arguments.positional.get(param).cloned().flatten();
            let wanted = function.params.get(param);
            let named = arguments
                .named
                .iter()
                .find(|(name, _)| Some(name) == wanted);
            let named = named.and_then(|(_, value)| value.as_str().map(str::to_owned));
            services.extend(given.or(named).filter(|text| text != super::super::ANY));
        }
        services
    }

    /// Services of what a method is called on: the dot stands at `dot`.
    pub(super) fn of_receiver(&self, tokens: &[Token<'_>], dot: usize) -> BTreeSet<String> {
        let Some(before) = dot.checked_sub(1).and_then(|at| tokens.get(at)) else {
            return BTreeSet::new();
        };
        if let Some(name) = before.name() {
            return self.variables.get(name).cloned().unwrap_or_default();
        }
        if before.text != ")" || before.kind != Kind::Mark {
            return BTreeSet::new();
        }
        let Some(open) = tokens::opening(tokens, dot - 1) else {
            return BTreeSet::new();
        };
        if let Some((Service::Known(services), _)) = made_at(tokens, open) {
            return services;
        }
        match open
            .checked_sub(1)
            .and_then(|at| tokens.get(at))
            .and_then(Token::name)
        {
            Some(name) => self.made_by(tokens, name, open),
            None => BTreeSet::new(),
        }
    }

    /// Tells clients and resources that cannot be followed.
    fn tell_unknown(&mut self, tokens: &[Token<'_>]) {
        for (at, token) in tokens.iter().enumerate() {
            if token.name() == Some("resource") && is_boto3(tokens, at) {
                let reason = "calls through boto3.resource are not looked into".to_owned();
                self.unknown.push((token.line, reason));
            }
            if token.name() != Some("client") || !is(tokens, at + 1, "(") {
                continue;
            }
            let followed = match made_at(tokens, at + 1) {
                None | Some((Service::Known(_), _)) => true,
                Some((Service::Name(name), _)) => self.functions.values().any(|f| {
                    f.body.0 <= at
                        && at < f.body.1
                        && f.service_param.and_then(|n| f.params.get(n)) == Some(&name)
                }),
                Some((Service::Unknown, _)) => false,
            };
            if !followed {
                let reason = "which service this client is for is known only when the script runs";
                self.unknown.push((token.line, reason.to_owned()));
            }
        }
    }
}

/// Whether `.resource(` or `.client(` at `at` is boto3's or a session's.
fn is_boto3(tokens: &[Token<'_>], at: usize) -> bool {
    let called = is(tokens, at + 1, "(") && at >= 2 && is(tokens, at - 1, ".");
    let Some(owner) = at.checked_sub(2).and_then(|at| tokens.get(at)) else {
        return false;
    };
    let name = owner.name().unwrap_or_default().to_ascii_lowercase();
    called && (name == "boto3" || name.contains("session") || name == "s" || owner.text == ")")
}

/// A client made by the expression at `at`: `a.b.client(...)`; with the position of its closing bracket.
fn made_here(tokens: &[Token<'_>], mut at: usize) -> Option<(Service, usize)> {
    // Names, dots and the calls before it: `boto3.Session(...).client(...)`.
    for _ in 0..8 {
        tokens.get(at)?.name()?;
        if is(tokens, at, "client") && is(tokens, at + 1, "(") {
            return made_at(tokens, at + 1);
        }
        at += 1;
        if is(tokens, at, "(") {
            at = tokens::closing(tokens, at)? + 1;
        }
        if !is(tokens, at, ".") {
            return None;
        }
        at += 1;
    }
    None
}

/// The client made by `client(` whose bracket is at `open`.
fn made_at(tokens: &[Token<'_>], open: usize) -> Option<(Service, usize)> {
    if !is(tokens, open.checked_sub(1)?, "client") || !is(tokens, open.checked_sub(2)?, ".") {
        return None;
    }
    let end = tokens::closing(tokens, open)?;
    let arguments = tokens::arguments(tokens, open);
    let named = arguments
        .named
        .iter()
        .find(|(name, _)| name == "service_name");
    let named = named
        .and_then(|(_, value)| value.as_str())
        .filter(|text| *text != super::super::ANY);
    let first = arguments.positional.first().cloned().flatten();
    let literal = first.or_else(|| named.map(str::to_owned));
    let name = arguments.names.first().cloned().flatten().or_else(|| {
        let named = arguments
            .named_names
            .iter()
            .find(|(name, _)| name == "service_name");
        named.map(|(_, value)| value.clone())
    });
    let service = match (literal, name) {
        (Some(service), _) => Service::Known(BTreeSet::from([service])),
        (None, Some(name)) => Service::Name(name),
        (None, None) => Service::Unknown,
    };
    Some((service, end))
}

/// The script's functions: a body ends at the first line that is indented no more than its `def`.
fn functions(tokens: &[Token<'_>]) -> BTreeMap<String, Function> {
    let mut functions = BTreeMap::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).and_then(Token::name) else {
            continue;
        };
        if token.name() != Some("def") || !is(tokens, at + 2, "(") {
            continue;
        }
        let Some(close) = tokens::closing(tokens, at + 2) else {
            continue;
        };
        let params = parameters(tokens.get(at + 3..close).unwrap_or_default());
        let rest = tokens.iter().enumerate().skip(close + 1);
        let end = rest
            .filter(|(_, later)| later.first && later.indent <= token.indent)
            .map(|(at, _)| at)
            .next()
            .unwrap_or(tokens.len());
        let function = Function {
            params,
            body: (close, end),
            ..Function::default()
        };
        functions.insert(name.to_owned(), function);
    }
    functions
}

/// Names of parameters; `self` is given by the call itself.
fn parameters(tokens: &[Token<'_>]) -> Vec<String> {
    let mut depth = 0_usize;
    let mut names = Vec::new();
    let mut begins = true;
    for token in tokens {
        match (token.kind, token.text) {
            (Kind::Mark, "(" | "[" | "{") => depth += 1,
            (Kind::Mark, ")" | "]" | "}") => depth = depth.saturating_sub(1),
            (Kind::Mark, ",") if depth == 0 => {
                begins = true;
                continue;
            }
            (Kind::Name, name) if begins && name != "self" => names.push(name.to_owned()),
            _ => {}
        }
        begins = false;
    }
    names
}
