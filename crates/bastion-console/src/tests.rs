//! The operators' plane over its router, with a store in memory and a clock that stands.
//!
//! Every answer to a described operation is held against the OpenAPI document, whatever else a
//! test looks at.

mod calls;
mod caps;
mod checklist;
mod conform;
mod document;
mod door;
mod drills;
mod keys;
mod probes;
mod rotation;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use bastion_config::{Config, INIT_TOML, Sources, load};
use bastion_observe::{
    Deployment, DrillWish, Drills, EnvironmentMoney, KnownDrill, Metrics, NotStarted, Readiness,
    Redactor, RunningDrill, Setting,
};
use bastion_store::{DrillOutcome, DrillRun, Store};
use bastion_types::{
    Clock, EnvironmentName, Money, MonoNanos, OrganizationName, RequestId, RunId, Secret, Span,
    SurfaceName, Timestamp, Zone,
};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::desk::{Desk, OperatorTools};
use crate::operators::router;

const TOKEN: &str = "bop_the-token-of-these-tests";

/// 2026-11-23T12:00:00Z.
const START_US: i64 = 1_795_435_200_000_000;

struct HeldClock(AtomicI64);

impl HeldClock {
    fn advance(&self, span: Span) {
        self.0.fetch_add(span.micros(), Ordering::SeqCst);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> MonoNanos {
        MonoNanos(0)
    }
}

struct TwoEnvironments {
    listen: &'static str,
}

impl Deployment for TwoEnvironments {
    fn organization(&self) -> OrganizationName {
        OrganizationName::parse("default").unwrap()
    }

    fn environments(&self) -> Vec<EnvironmentName> {
        ["dev", "prod"].map(|name| EnvironmentName::parse(name).unwrap()).to_vec()
    }

    fn currency(&self) -> String {
        "CAD".to_owned()
    }

    fn money(&self, environment: &EnvironmentName) -> Option<EnvironmentMoney> {
        let known = self.environments().contains(environment);
        let monthly_cap = Money::parse("500").ok();
        known.then_some(EnvironmentMoney { zone: Zone::UTC, monthly_cap, daily_cap: None })
    }

    fn surfaces(&self) -> Vec<SurfaceName> {
        ["chat", "search"].map(|name| SurfaceName::parse(name).unwrap()).to_vec()
    }

    fn settings(&self) -> Vec<Setting> {
        let setting = |key: &str, value: &str, source: &str| Setting {
            key: key.to_owned(),
            value: value.to_owned(),
            source: source.to_owned(),
        };
        vec![
            setting("operator.listen", self.listen, "default"),
            setting("upstreams.bastion.api_key", "env:QUBITTRON_API_KEY", "bastion.toml:12"),
        ]
    }

    fn config(&self) -> Arc<Config> {
        let file = Some((PathBuf::from("bastion.toml"), INIT_TOML.to_owned()));
        Arc::new(load(&Sources { file, environment: Vec::new() }).unwrap().config)
    }

    fn policy_hash(&self) -> String {
        "hash".to_owned()
    }
}

/// A drill that runs until it is stopped.
struct OneDrill {
    store: Store,
    running: Mutex<Option<RunningDrill>>,
}

impl Drills for OneDrill {
    fn known(&self) -> Vec<KnownDrill> {
        let (name, box_id) = ("retry", "reliability.retry");
        vec![KnownDrill { name, box_id, shows: "that it retries", harmless: true }]
    }

    fn start(
        &self,
        wish: DrillWish,
    ) -> Pin<Box<dyn Future<Output = Result<DrillRun, NotStarted>> + Send + '_>> {
        Box::pin(async move {
            if wish.drill != "retry" {
                return Err(NotStarted::Unknown);
            }
            if let Some(running) = self.running.lock().unwrap().clone() {
                return Err(NotStarted::Busy(running));
            }
            let started_at = Timestamp::from_micros(START_US);
            let id = RunId::generate(started_at).unwrap();
            let run = DrillRun {
                id,
                drill: wish.drill,
                environment: wish.environment.clone(),
                started_at,
                until: started_at.plus(Span::from_secs(60)),
                ended_at: None,
                outcome: DrillOutcome::Running,
                policy_hash: "hash".to_owned(),
                version: "1.2.3".to_owned(),
                reason: String::new(),
                figures: serde_json::json!({}),
            };
            self.store.evidence().begin_run(&run).await.unwrap();
            let (drill, environment) = ("retry", wish.environment);
            let progress = "call 1 of 2".to_owned();
            *self.running.lock().unwrap() = Some(RunningDrill { id, drill, environment, progress });
            Ok(run)
        })
    }

    fn running(&self) -> Option<RunningDrill> {
        self.running.lock().unwrap().clone()
    }

    fn attend(&self, _id: RunId) {}

    fn stop(&self, id: RunId) -> bool {
        let mut running = self.running.lock().unwrap();
        let runs = running.as_ref().is_some_and(|running| running.id == id);
        if runs {
            *running = None;
        }
        runs
    }
}

/// One plane, and what a test moves behind it.
struct Plane {
    router: Router,
    store: Store,
    clock: Arc<HeldClock>,
    readiness: Readiness,
}

/// What came back.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Plane {
    async fn open() -> Plane {
        Plane::listening("127.0.0.1:8081").await
    }

    async fn listening(listen: &'static str) -> Plane {
        let clock = Arc::new(HeldClock(AtomicI64::new(START_US)));
        let store = Store::open_in_memory(Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        let readiness = Readiness::default();
        let tools = OperatorTools {
            store: store.clone(),
            metrics: Arc::new(Metrics::new("1.2.3", Arc::new(Redactor::default()))),
            readiness: readiness.clone(),
            deployment: Arc::new(TwoEnvironments { listen }),
            drills: Arc::new(OneDrill { store: store.clone(), running: Mutex::default() }),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            token: Secret::new(TOKEN.to_owned()),
        };
        Plane { router: router(Arc::new(Desk::new(tools))), store, clock, readiness }
    }

    /// Sends a request as it is.
    async fn send(&self, request: Request<Body>) -> Got {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let got = Got { status: head.status, headers: head.headers, text };
        got.check(&method, &path);
        got
    }

    fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn get(&self, path: &str) -> Got {
        self.send(operator(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: &str) -> Got {
        self.with(Method::POST, path, body).await
    }

    async fn put(&self, path: &str, body: &str) -> Got {
        self.with(Method::PUT, path, body).await
    }

    async fn with(&self, method: Method, path: &str, body: &str) -> Got {
        let request = operator(method, path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A new key of `prod`: its id and its text.
    async fn key(&self) -> (String, String) {
        let made = self.post("/admin/v1/keys", r#"{"environment":"prod","service":"api"}"#).await;
        let made = made.json(StatusCode::CREATED);
        let part = |name: &str| made[name].as_str().unwrap().to_owned();
        (part("id"), part("api_key"))
    }
}

/// A request with the operators' token.
fn operator(method: Method, path: &str) -> http::request::Builder {
    let authorization = format!("Bearer {TOKEN}");
    Request::builder().method(method).uri(path).header("authorization", authorization)
}

impl Got {
    /// What every answer must be, whatever was asked.
    fn check(&self, method: &Method, path: &str) {
        let id = self.headers["x-request-id"].to_str().unwrap();
        assert!(RequestId::parse(id).is_some(), "{id}");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert!(!self.text.contains(TOKEN), "{path}");
        let is_probe = path == "/readyz" && self.status == 503;
        if (self.status.is_client_error() || self.status.is_server_error()) && !is_probe {
            self.check_envelope(*method == Method::HEAD);
        }
        if self.status != 405 {
            conform::check(method, path, self);
        }
    }

    fn check_envelope(&self, is_bodiless: bool) {
        assert_eq!(self.headers["content-type"], "application/json");
        if is_bodiless {
            return;
        }
        let error = self.json(self.status);
        let problem = conform::violation(&error, "Error");
        assert_eq!(problem, None, "{}", self.text);
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(self.headers["x-request-id"].to_str().unwrap()), "{message}");
    }

    fn json(&self, status: impl Into<StatusCodes>) -> Value {
        assert_eq!(self.status, status.into().0, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    /// Status, code and field of a refusal, and a part of its message.
    fn refused(&self, status: u16, code: &str, param: Option<&str>, part: &str) {
        let error = self.json(status)["error"].take();
        assert_eq!((error["code"].as_str(), error["param"].as_str()), (Some(code), param));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
}

/// A status, however a test writes it.
struct StatusCodes(StatusCode);

impl From<u16> for StatusCodes {
    fn from(status: u16) -> StatusCodes {
        StatusCodes(StatusCode::from_u16(status).unwrap())
    }
}

impl From<StatusCode> for StatusCodes {
    fn from(status: StatusCode) -> StatusCodes {
        StatusCodes(status)
    }
}
