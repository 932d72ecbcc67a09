//! An environment's cap: what is spent, held and free of it; set in place of the configuration's.
//!
//! It must never show a cap without saying where it comes from.

use std::sync::Arc;

use bastion_observe::EnvironmentMoney;
use bastion_types::{
    AccountId, EnvironmentName, Length, ModelName, Money, RequestId, Scope, Timestamp,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{
    self, ENVIRONMENT_PATTERN, amount, currency, nullable, object, query, text, time,
};
use crate::worded;

const PATH: &str = "/admin/v1/environments/{id}/cap";
const FIELDS: [&str; 2] = ["cap", "period"];

/// `environments/{id}/cap`
pub(crate) struct Cap;

impl Resource for Cap {
    fn name(&self) -> &'static str {
        "environments"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![Operation::get(PATH, describe_show(), show), Operation::put(PATH, describe_set(), set)]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![("Cap", cap_schema()), ("NewCap", new_cap_schema())]
    }
}

#[derive(Serialize)]
struct Shown {
    environment: EnvironmentName,
    period: &'static str,
    cap: Option<Money>,
    source: Option<&'static str>,
    spent: Money,
    held: Money,
    free: Option<Money>,
    resets_at: Option<Timestamp>,
    currency: String,
    refused_models: Vec<ModelName>,
}

async fn show(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    let query = ask.query(&["period"])?;
    let length = query.parsed("period", PERIOD_RULE, Length::parse)?.unwrap_or(Length::Month);
    let (environment, money) = environment(&desk, &ask)?;
    Answer::ok(&told(&desk, ask.id, (environment, money), length).await?)
}

async fn set(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let known = environment(&desk, &ask)?;
    let id = ask.id;
    let (name, money) = known;
    let fields = ask.fields(&FIELDS).await?;
    let wrong = || Problem::invalid_field("period", PERIOD_RULE);
    let length = fields.text("period")?.map(|text| Length::parse(text).ok_or_else(wrong));
    let length = length.transpose()?.unwrap_or(Length::Month);
    let rule = "is an amount as a decimal text with at most nine digits before its point and nine behind it, \
         such as \"500.00\"; null (on the command line --remove) goes back to the configuration's";
    let wrong = || Problem::invalid_field("cap", rule);
    if !fields.has("cap") {
        // What is not said takes no cap away.
        return Err(wrong());
    }
    let cap = fields.text("cap")?.map(|text| worded::amount(text).ok_or_else(wrong)).transpose()?;
    let ledger = desk.store.ledger();
    let done = match cap {
        Some(cap) => ledger.set_cap(&name, length, cap).await,
        None => ledger.remove_cap(&name, length).await.map(drop),
    };
    done.map_err(|cause| Problem::store(id, &cause))?;
    let said = cap.map_or_else(|| "the configuration's".to_owned(), |cap| cap.to_string());
    tracing::info!(request_id = %id, environment = %name, cap = said, "an operator set a cap");
    Answer::ok(&told(&desk, id, (name, money), length).await?)
}

const PERIOD_RULE: &str = "is month or day";

fn environment(desk: &Desk, ask: &Ask) -> Result<(EnvironmentName, EnvironmentMoney), Problem> {
    let known = EnvironmentName::parse(ask.named()).ok().and_then(|name| {
        let money = desk.deployment.money(&name)?;
        Some((name, money))
    });
    known.ok_or_else(|| {
        let names: Vec<_> =
            desk.deployment.environments().iter().map(ToString::to_string).collect();
        Problem::not_found(format!(
            "there is no such environment in the configuration; there are {}",
            names.join(", ")
        ))
    })
}

async fn told(
    desk: &Desk,
    id: RequestId,
    (environment, money): (EnvironmentName, EnvironmentMoney),
    length: Length,
) -> Result<Shown, Problem> {
    let failed = |cause| Problem::store(id, &cause);
    let ledger = desk.store.ledger();
    let day = money.zone.day_of(desk.clock.now());
    let scope = Scope::Environment(environment.clone());
    let account = ledger.account(&AccountId::over(scope, length, day)).await.map_err(failed)?;
    let set = ledger.set_caps().await.map_err(failed)?;
    let set = set.iter().find(|cap| cap.environment == environment && cap.length == length);
    let configured = match length {
        Length::Month => money.monthly_cap,
        Length::Day => money.daily_cap,
    };
    let (cap, source) = match (set, configured) {
        (Some(set), _) => (Some(set.cap), Some("operator")),
        (None, Some(cap)) => (Some(cap), Some("configuration")),
        (None, None) => (None, None),
    };
    let resets_at = match length {
        Length::Month => money.zone.end_of_month(day.month()),
        Length::Day => money.zone.end_of_day(day),
    };
    let refused_models = match cap {
        Some(_) => desk.deployment.config().refused_by_cap(&environment),
        None => Vec::new(),
    };
    Ok(Shown {
        environment,
        period: length.as_str(),
        cap,
        source,
        spent: account.spent,
        held: account.held,
        free: cap.map(|cap| account.free(cap)),
        resets_at,
        currency: desk.deployment.currency(),
        refused_models,
    })
}

fn describe_show() -> Description {
    let period = json!({ "enum": ["month", "day"], "default": "month" });
    Description {
        id: "show_cap",
        summary: "An environment's cap: what is spent, held and free of it",
        parameters: vec![
            schema::id(ENVIRONMENT_PATTERN),
            query("period", "the cap of the month or of the day", &period),
        ],
        body: None,
        answers: vec![(200, schema::json_answer("the cap", "Cap"))],
        problems: &[404, 503],
    }
}

fn describe_set() -> Description {
    Description {
        id: "set_cap",
        summary: "Set an environment's cap in place of the configuration's, from the next call on; \
                  null goes back to it",
        parameters: vec![schema::id(ENVIRONMENT_PATTERN)],
        body: Some(schema::required_body("NewCap")),
        answers: vec![(200, schema::json_answer("the cap as it is now", "Cap"))],
        problems: &[404, 503],
    }
}

fn cap_schema() -> Value {
    object(&json!({
        "environment": text(ENVIRONMENT_PATTERN),
        "period": { "enum": ["month", "day"] },
        "cap": nullable(&amount("the most that may be spent; null: no cap")),
        "source": { "enum": ["operator", "configuration", null] },
        "spent": amount("charged in this period"),
        "held": amount("reserved by running calls"),
        "free": nullable(&amount("what new calls may still reserve; null: no cap")),
        "resets_at": nullable(&time("when the period ends, in the environment's time zone")),
        "currency": currency(),
        "refused_models": schema::models("models without a price: the cap refuses their calls"),
    }))
}

fn new_cap_schema() -> Value {
    json!({
        "type": "object",
        "required": ["cap"],
        "properties": {
            "cap": nullable(&worded::amount_schema()),
            "period": { "enum": ["month", "day", null], "default": "month" },
        },
        "additionalProperties": false,
    })
}
