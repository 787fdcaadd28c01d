//! One run of a row of `tests/cases`: the change, the steps, and the checks at the end.

use std::time::{Duration, Instant};

use valet_key::protocol::authorization_request::SignIn;
use valet_key::protocol::config::Config;
use valet_key::protocol::error::Error;
use valet_key::protocol::session::{Change, Session};
use valet_key::protocol::time::Now;

use super::app::{App, Completion, Outcome};
use super::provider::{Answer, Members, Place, Provider, change};
use crate::support::cases::{Row, row};
use crate::support::{SIGN_IN, options};

const ISSUER: &str = "https://as.test";

/// Far above what a busy machine needs; a loop without end exceeds it.
const LIMIT: Duration = Duration::from_secs(20);

/// A run in preparation: valid until something is changed.
pub(crate) struct Case {
    row: Row,
    label: String,
    pub(crate) provider: Provider,
    options: String,
    sign_in: SignIn<'static>,
    /// Texts of an attacker that no message may contain.
    poison: Vec<String>,
    /// Hosts that may receive requests besides the provider's.
    hosts: Vec<String>,
    /// The endpoint that was changed.
    place: Option<Place>,
    /// Seconds between leaving and coming back.
    away: i64,
}

/// The end of a run, for checks of a single row.
pub(crate) struct Played {
    pub(crate) app: App,
    pub(crate) provider: Provider,
    pub(crate) error: Option<Error>,
    /// All requests of the run itself, before the repair.
    pub(crate) asked: Vec<super::provider::Seen>,
    /// The session at the end of the run, before the repair.
    pub(crate) view: Option<String>,
    /// The address that was visited, if any.
    pub(crate) visited: Option<String>,
}

impl Case {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            row: row(id),
            label: id.into(),
            provider: Provider::perfect(ISSUER),
            options: options(""),
            sign_in: SIGN_IN,
            poison: Vec::new(),
            hosts: Vec::new(),
            place: None,
            away: 5,
        }
    }

    /// Other options than the default app's.
    pub(crate) fn options(mut self, options: &str) -> Self {
        self.label = format!("{} {options}", self.label);
        self.options = options.into();
        self
    }

    pub(crate) fn sign_in(mut self, sign_in: SignIn<'static>) -> Self {
        self.label = format!("{} {sign_in:.80?}", self.label);
        self.sign_in = sign_in;
        self
    }

    fn members(mut self, place: Place, which: fn(&mut Provider) -> &mut Members, changes: &[(&str, &str)]) -> Self {
        self.label = format!("{} {place:?} {changes:.200?}", self.label);
        self.place = Some(place);
        change(which(&mut self.provider), changes);
        self
    }

    /// Members of the metadata, as JSON: `name` replaces or adds, `-name` removes, `+name` adds a duplicate.
    pub(crate) fn metadata(self, changes: &[(&str, &str)]) -> Self {
        self.members(Place::Metadata, |provider| &mut provider.metadata, changes)
    }

    /// Members of the token response to the code, in the same way.
    pub(crate) fn token(self, changes: &[(&str, &str)]) -> Self {
        self.members(Place::Token, |provider| &mut provider.token, changes)
    }

    /// Members of the token response to a refresh token.
    pub(crate) fn refresh(self, changes: &[(&str, &str)]) -> Self {
        self.members(Place::Refresh, |provider| &mut provider.refresh, changes)
    }

    /// Claims of the ID Token of a sign-in.
    pub(crate) fn claims(self, changes: &[(&str, &str)]) -> Self {
        self.members(Place::Token, |provider| &mut provider.claims, changes)
    }

    /// Claims of the ID Token of a refresh.
    pub(crate) fn refreshed_claims(self, changes: &[(&str, &str)]) -> Self {
        self.members(Place::Refresh, |provider| &mut provider.refreshed_claims, changes)
    }

    /// Rewrites the query of the redirect back from the provider.
    pub(crate) fn callback(mut self, rewrite: fn(&str) -> String) -> Self {
        self.place = Some(Place::Authorization);
        self.label = format!("{} {:.200}", self.label, rewrite("code=CODE&state=STATE&iss=https%3A%2F%2Fas.test"));
        self.provider.callback = rewrite;
        self
    }

    /// Responses instead of the valid ones, in turn; the last one stays.
    pub(crate) fn answers(mut self, place: Place, answers: Vec<Answer>) -> Self {
        self.label = format!("{} {place:?} {:.200?}", self.label, answers[0]);
        self.place = Some(place);
        self.provider.instead.push((place, answers));
        self
    }

    /// Another honest host that may receive requests of the run.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Seconds that the user takes.
    pub(crate) fn away(mut self, seconds: i64) -> Self {
        self.label = format!("{} back after {seconds} s", self.label);
        self.place = Some(Place::Authorization);
        self.away = seconds;
        self
    }

    /// Texts that no message may contain.
    pub(crate) fn poison(mut self, text: &str) -> Self {
        self.poison.push(text.into());
        self
    }

    /// Plays a row that has one kind of outcome.
    pub(crate) fn play(self) -> Played {
        let [kind] = &self.row.kinds[..] else { panic!("{}: which of {:?}", self.label, self.row.kinds) };
        let kind = kind.clone();
        self.play_to(&kind)
    }

    /// Plays one of several runs: once without a signed-in user, and once with one.
    pub(crate) fn play_to(self, kind: &str) -> Played {
        assert!(self.row.kinds.iter().any(|known| known == kind), "{}: {kind} is not in the row", self.label);
        let Self { row, label, options, sign_in, poison, hosts, place, away, provider } = self;
        let mut other = Provider::perfect(&provider.issuer);
        let expected = if kind == "assert" { "ok" } else { kind };
        let outcome = |who: &str, (kind, played): (String, Played)| {
            assert_eq!(kind, expected, "{label}, {who} signed in: {:?}", played.error);
            played
        };
        let setting = Setting {
            row: &row,
            label: &label,
            options: &options,
            sign_in,
            poison: &poison,
            hosts: &hosts,
            place,
            away,
        };
        other.speak_like(&provider);
        let first = setting.run(provider, Before::Nobody);
        let second = setting.run(other, Before::Alice);
        outcome("alice", second);
        outcome("no user", first)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nobody,
    Alice,
}

struct Setting<'a> {
    row: &'a Row,
    label: &'a str,
    options: &'a str,
    sign_in: SignIn<'a>,
    poison: &'a [String],
    hosts: &'a [String],
    place: Option<Place>,
    away: i64,
}

/// The state at the beginning of the run.
struct Snapshot {
    now: Now,
    view: Option<String>,
    access_token: Option<String>,
    changes: usize,
}

impl Setting<'_> {
    fn run(&self, mut provider: Provider, before: Before) -> (String, Played) {
        let begun = Instant::now();
        let mut app = match App::new(self.options) {
            Ok(app) => app,
            Err(error) => {
                self.check_error(&error, &provider);
                let mut app = App::new(&options("")).expect("the honest options");
                self.heal(&mut app, &mut provider).expect("the honest options work");
                let code = error.code().into();
                let (error, asked) = (Some(error), Vec::new());
                return (code, Played { app, provider, asked, view: None, visited: None, error });
            }
        };
        if before == Before::Alice {
            self.seat(&mut app, &mut provider);
        }
        let snapshot =
            Snapshot { now: app.now, view: app.view(), access_token: app.access_token(), changes: app.changes.len() };
        let start = provider.requests.len();
        let mut visited = None;
        let outcome = self.go(&mut app, &mut provider, &mut visited);
        let kind = match &outcome {
            Ok(Completion::SignedIn) => "ok",
            Ok(Completion::Ignored) => "callback_ignored",
            Err(error) => error.code(),
        };
        let asked = provider.requests[start..].to_vec();
        let view = app.view();
        let mut played = Played { error: outcome.err(), visited, asked, view: view.clone(), app, provider };
        self.after(&snapshot, &mut played);
        assert!(begun.elapsed() < LIMIT, "{}: {:?}", self.label, begun.elapsed());
        (kind.into(), played)
    }

    /// Alice signs in before anything is changed.
    fn seat(&self, app: &mut App, provider: &mut Provider) {
        let honest = Provider::perfect(&provider.issuer);
        let hostile = std::mem::replace(provider, honest);
        let config = app.config.clone();
        app.config = self.honest_config(&provider.issuer);
        let url = app.begin(provider, SIGN_IN).unwrap_or_else(|error| panic!("{}: {error}", self.label));
        let query = provider.authorize(&url);
        assert_eq!(app.complete(provider, &query).ok(), Some(Completion::SignedIn), "{}", self.label);
        provider.speak_like(&hostile);
        app.config = config;
        app.metadata = app.config.server.clone();
    }

    /// All steps: sign in, call, let the token expire, renew, call.
    fn go(&self, app: &mut App, provider: &mut Provider, visited: &mut Option<String>) -> Outcome<Completion> {
        let url = app.begin(provider, self.sign_in)?;
        *visited = Some(url.clone());
        let query = provider.authorize(&url);
        app.wait(provider, self.away);
        if app.complete(provider, &query)? == Completion::Ignored {
            return Ok(Completion::Ignored);
        }
        app.call(provider)?;
        if self.place == Some(Place::Refresh) {
            app.wait(provider, 700);
            app.call(provider)?;
            app.call(provider)?;
        }
        Ok(Completion::SignedIn)
    }

    fn after(&self, before: &Snapshot, played: &mut Played) {
        for post in &self.row.posts {
            self.check_post(post, before, played);
        }
        let Self { label, .. } = self;
        let Played { app, provider, error, asked, view, .. } = played;

        // Every request went to a host that the case names.
        for seen in asked.iter() {
            let known = seen.url.starts_with(&format!("{}/", provider.issuer))
                || seen.url.starts_with("https://as.test/")
                || self.hosts.iter().any(|host| seen.url.starts_with(host.as_str()));
            assert!(known, "{label}: a request to {}", seen.url);
            for forbidden in ["grant_type=password", "response_type=token", "client_secret"] {
                assert!(!seen.url.contains(forbidden) && !seen.body.contains(forbidden), "REQ-13: {forbidden}");
            }
            assert!(!seen.url.contains("access_token="), "REQ-13: a token in an address");
        }
        // There is no session, the old one, or a complete new one.
        if let Some(error) = error {
            self.check_error(error, provider);
            let renewing = self.place == Some(Place::Refresh);
            let kept = app.session.view(before.now).as_ref().map(Session::to_json) == before.view;
            assert!(renewing || view.is_none() || kept, "{label}: half a session: {view:?}");
        }
        if let Some(view) = view {
            assert!(view.starts_with("{\"sub\":\"") && view.ends_with('}'), "{label}: {view}");
            for secret in &provider.secrets {
                assert!(!view.contains(secret.as_str()) || is_nonce(view, secret), "{label}: {view}");
            }
        }
        // A correct sign-in works directly afterwards, in the same app.
        provider.repair();
        let healed = self.heal(app, provider);
        assert!(healed.is_ok(), "{label}: afterwards: {healed:?}");
    }

    fn honest_config(&self, issuer: &str) -> Config {
        let options = format!(r#"{{"issuer":"{issuer}","clientId":"spa","allowLoopbackHttp":true}}"#);
        Config::parse(&options).unwrap_or_else(|error| panic!("{}: {error}", self.label))
    }

    fn heal(&self, app: &mut App, provider: &mut Provider) -> Outcome {
        app.metadata = None;
        app.config = self.honest_config(&provider.issuer);
        let url = app.begin(provider, SIGN_IN)?;
        let query = provider.authorize(&url);
        app.complete(provider, &query)?;
        app.call(provider)?;
        app.wait(provider, 700);
        app.call(provider).map(drop)
    }

    fn check_error(&self, error: &Error, provider: &Provider) {
        let said = error.oauth().map(|said| format!("{said:?}")).unwrap_or_default();
        let words = format!("{} {} {} {error} {error:?}", error.code(), error.message(), error.hint());
        for secret in &provider.secrets {
            assert!(!words.contains(secret.as_str()) && !said.contains(secret.as_str()), "{}: {words}", self.label);
        }
        let shown = format!("{} {}", error.message(), error.hint());
        for poison in self.poison {
            assert!(!shown.contains(poison.as_str()), "{}: {shown}", self.label);
        }
        assert!(!shown.bytes().any(|byte| byte.is_ascii_control() || byte == b'<'), "{}: {shown}", self.label);
        assert!(shown.len() < 1000, "{}: {shown:.1000}", self.label);
    }

    fn check_post(&self, post: &str, before: &Snapshot, played: &Played) {
        let Self { label, .. } = self;
        let Played { app, provider, error, asked, view, visited } = played;
        let failed = error.is_some();
        match post {
            // For failing runs of rows with several runs.
            "NS" if failed => {
                assert_eq!(app.session.view(before.now).as_ref().map(Session::to_json), before.view, "{label}: NS");
                assert_eq!(app.access_token(), before.access_token, "{label}: NS");
                assert_eq!(app.changes.len(), before.changes, "{label}: NS: no event");
            }
            "NQ" if failed => match self.place {
                Some(Place::Metadata) => {
                    let places: Vec<_> = asked.iter().map(|seen| seen.place).collect();
                    assert!(places.iter().all(|place| *place == Some(Place::Metadata)), "{label}: NQ: {asked:?}");
                    assert_eq!(*visited, None, "{label}: NQ");
                }
                Some(Place::Authorization) => {
                    assert_eq!(asked.last().and_then(|seen| seen.place), Some(Place::Authorization), "{label}: NQ");
                }
                _ => {
                    let kept = [Some(Place::Metadata)];
                    assert!(asked.iter().all(|seen| kept.contains(&seen.place)), "{label}: NQ: {asked:?}");
                    assert_eq!(*visited, None, "{label}: NQ");
                }
            },
            "TX0" => assert!(app.pending.is_empty(), "{label}: TX0"),
            "TX1" => assert_eq!(app.pending.len(), 1, "{label}: TX1"),
            "KS" => assert!(view.is_some() && app.access_token().is_some(), "{label}: KS"),
            "SO" => {
                assert_eq!((view.as_ref(), app.access_token()), (None, None), "{label}: SO");
                let told = app.changes.iter().filter(|change| **change == Change::Ended).count();
                assert_eq!(told, 1, "{label}: SO: {:?}", app.changes);
                assert!(asked.iter().any(|seen| seen.place == Some(Place::Revocation)), "{label}: SO: revoked");
            }
            "VER" => {
                let codes =
                    provider.secrets.iter().filter(|secret| asked.iter().any(|seen| seen.body.contains(*secret)));
                for code in codes {
                    let elsewhere = asked.iter().filter(|seen| seen.body.contains(code) || seen.url.contains(code));
                    let honest = |place| matches!(place, Some(Place::Token | Place::Authorization | Place::Revocation));
                    assert!(elsewhere.into_iter().all(|seen| honest(seen.place)), "{label}: VER");
                }
            }
            "RAW" if failed => assert!(!self.poison.is_empty(), "{label}: RAW: say which text"),
            "RETRY" if failed => assert!(error.as_ref().is_some_and(Error::is_retryable), "{label}: RETRY"),
            "FINAL" if failed => assert!(error.as_ref().is_some_and(|error| !error.is_retryable()), "{label}: FINAL"),
            _ => {
                if let Some(count) = post.strip_prefix("RQ").and_then(|count| count.parse::<usize>().ok()) {
                    let place = self.place.expect("something was changed");
                    let reached = asked.iter().filter(|seen| seen.place == Some(place)).count();
                    assert_eq!(reached, count, "{label}: {post}");
                }
            }
        }
    }
}

/// The nonce is a claim, which the app may see; it is already used.
fn is_nonce(view: &str, secret: &str) -> bool {
    view.contains(&format!("\"nonce\":\"{secret}\""))
}
