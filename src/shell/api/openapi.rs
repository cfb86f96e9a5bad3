//! The API's description (OpenAPI 3.0.3), made from the routes themselves.

use serde_json::{Map, Value, json};

use super::route::{ROUTES, Route};
use crate::record::Field;
use crate::vocabulary::{Language, Text};

/// The description.
pub(super) fn description(language: Language) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = entry {
            methods.insert(route.method.as_str().to_lowercase(), operation(route, language));
        }
    }
    let title = Text { ja: "関所 API", en: "sekisho API" };
    json!({
        "openapi": "3.0.3",
        "info": { "title": title.get(language), "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

fn operation(route: &Route, language: Language) -> Value {
    let mut operation = json!({
        "summary": route.summary.get(language),
        "description": format!("role: {}", route.role.id()),
        "responses": responses(route),
    });
    let Value::Object(fields) = &mut operation else { return operation };
    let mut parameters = Vec::new();
    if let Some(name) = route.path.split(['{', '}']).nth(1) {
        parameters.push(json!({
            "name": name,
            "in": "path",
            "required": true,
            "schema": if name == "switch" {
                json!({ "type": "string", "minLength": 1, "maxLength": 64 })
            } else {
                json!({ "type": "integer", "format": "int64", "minimum": 0 })
            },
        }));
    }
    if route.searches {
        parameters.extend(searches());
    }
    if !parameters.is_empty() {
        fields.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if let Some(schema) = route.body {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        fields.insert(
            "requestBody".to_owned(),
            json!({ "required": true, "content": { "application/json": { "schema": schema } } }),
        );
    }
    operation
}

fn searches() -> Vec<Value> {
    let text = |name: &str, about: &str| json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string" } });
    let when = "24h, 7d, today, 2026-11-24, R8.11.24 or RFC 3339";
    let mut all = vec![text("since", when), text("until", when)];
    all.extend(Field::ALL.iter().map(|field| text(field.key(), "a value; * stands for anything")));
    all.push(json!({
        "name": "limit",
        "in": "query",
        "schema": { "type": "integer", "minimum": 1, "maximum": 10_000 },
    }));
    all
}

fn responses(route: &Route) -> Value {
    let of = |about: &str, schema: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        json!({ "description": about, "content": { "application/json": { "schema": schema } } })
    };
    let mut responses = Map::new();
    responses.insert("200".to_owned(), of("done", "Result"));
    let mut problem = |status: &str, about: &str| {
        responses.insert(status.to_owned(), of(about, "Problem"));
    };
    problem("401", "no valid token");
    problem("403", "not with this role");
    if route.searches || route.body.is_some() || route.path.contains('{') {
        problem("400", "cannot be read");
    }
    if route.path.contains('{') || route.body.is_some() {
        problem("404", "there is no such thing");
        problem("409", "refused");
    }
    if route.body.is_some() {
        problem("413", "the body is too long");
    }
    problem("503", "not now");
    Value::Object(responses)
}

fn schemas() -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    json!({
        "Result": {},
        "Problem": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["id", "message"],
                    "properties": { "id": { "type": "string" }, "message": { "type": "string" } },
                },
                "result": {},
            },
        },
        "Mark": {
            "type": "object",
            "additionalProperties": false,
            "required": ["subject", "reason"],
            "properties": {
                "subject": text,
                "kind": { "type": "string", "enum": ["quarantine", "refuse"] },
                "reason": text,
                "until": { "type": "string", "nullable": true },
            },
        },
        "Subject": {
            "type": "object",
            "additionalProperties": false,
            "required": ["subject", "reason"],
            "properties": {
                "subject": text,
                "reason": text,
                "until": { "type": "string", "nullable": true },
            },
        },
        "Observations": observations(),
        "Reload": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "accept": {
                    "type": "object",
                    "nullable": true,
                    "additionalProperties": false,
                    "required": ["change", "by", "reason"],
                    "properties": { "change": text, "by": text, "reason": text },
                },
            },
        },
    })
}

/// A property that may be absent.
fn allow(schema: &mut Value, name: &str, of: Value) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(name.to_owned(), of);
    }
}

/// What a sensor sends.
fn observations() -> Value {
    let text = json!({ "type": "string", "minLength": 1, "maxLength": 2000 });
    let count = json!({ "type": "integer", "format": "int64", "minimum": 0 });
    let object = |properties: &[(&str, &Value)]| {
        let names: Vec<_> = properties.iter().map(|(name, _)| *name).collect();
        let properties: Map<String, Value> = properties
            .iter()
            .map(|(name, schema)| ((*name).to_owned(), (*schema).clone()))
            .collect();
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": names,
            "properties": properties,
        })
    };
    let array = |items: Value| json!({ "type": "array", "items": items });
    let note = object(&[
        ("id", &text),
        ("hard", &json!({ "type": "boolean" })),
        ("frame", &count),
        ("time", &text),
        ("ja", &text),
        ("en", &text),
    ]);
    let mut observation = object(&[
        ("sequence", &count),
        (
            "level",
            &json!({ "type": "string", "enum": ["verdict", "breach", "sign", "notice", "hit"] }),
        ),
        ("kind", &text),
        ("time", &text),
        ("frame", &count),
        ("subject", &text),
        ("mac", &json!({ "type": "string", "nullable": true })),
        ("addresses", &array(json!({ "type": "string" }))),
        ("vlan", &json!({ "type": "integer", "nullable": true, "minimum": 0, "maximum": 65_535 })),
        ("score_tenths", &json!({ "type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32 })),
        ("first", &text),
        ("signs", &array(note)),
    ]);
    // Of a breach alone.
    allow(&mut observation, "environments", array(text.clone()));
    allow(&mut observation, "changes", array(text.clone()));
    let mut pulse = object(&[
        ("frames", &count),
        ("flawed", &count),
        ("dropped", &count),
        ("evicted", &count),
        ("lost", &count),
        ("stations", &count),
    ]);
    // Of the tripwire alone.
    allow(&mut pulse, "misses", count.clone());
    let run = json!({ "type": "string", "minLength": 1, "maxLength": 64 });
    let mut report =
        object(&[("run", &run), ("pulse", &pulse), ("observations", &array(observation))]);
    let word = object(&[("change", &text), ("accepted", &json!({ "type": "boolean" }))]);
    allow(&mut report, "taken", array(word));
    report
}
