//! What the description says of refusals: those that any endpoint may answer with are said once, here,
//! not at each handler.

use utoipa::openapi::{
    Content, OpenApi, Ref, RefOr, Response, ResponseBuilder, path::PathItem, response::Responses,
};

/// The media type of errors (RFC 9457).
const PROBLEM: &str = "application/problem+json";
/// The schema of an error.
const PROBLEM_BODY: &str = "ProblemBody";

/// Adds to each endpoint that whatever it does not name is an error, and gives errors their media type.
pub(super) fn complete(description: &mut OpenApi) {
    for item in description.paths.paths.values_mut() {
        for responses in responses_of(item) {
            for (status, response) in &mut responses.responses {
                if let RefOr::T(response) = response
                    && !status.starts_with(['2', '3'])
                {
                    tell_problem(response);
                }
            }
            let other = || ResponseBuilder::new().description("Refused").build();
            let entry = responses.responses.entry("default".to_owned());
            if let RefOr::T(response) = entry.or_insert_with(|| RefOr::T(other())) {
                tell_problem(response);
            }
        }
    }
}

/// The answers at each method of a path.
fn responses_of(item: &mut PathItem) -> impl Iterator<Item = &mut Responses> {
    let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
    methods.into_iter().flatten().map(|operation| &mut operation.responses)
}

/// Says that an error has the media type of errors; a body of its own stays beside it.
fn tell_problem(response: &mut Response) {
    let reference = Ref::from_schema_name(PROBLEM_BODY);
    let is_problem = |content: &RefOr<Content>| match content {
        RefOr::T(content) => content.schema == Some(RefOr::Ref(reference.clone())),
        RefOr::Ref(_) => false,
    };
    response.content.retain(|_, content| !is_problem(content));
    let content = Content::new(Some(RefOr::Ref(reference.clone())));
    response.content.insert(PROBLEM.to_owned(), RefOr::T(content));
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::routes;

    #[test]
    fn every_endpoint_says_what_an_error_looks_like() {
        let (_, description) = routes();
        let description = serde_json::to_value(&description).expect("JSON");
        for (path, item) in description["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("methods") {
                let responses = operation["responses"].as_object().expect("responses");
                let other = &responses["default"]["content"];
                assert!(other["application/problem+json"].is_object(), "{method} {path}");
                for (status, response) in responses {
                    let json = &response["content"]["application/json"]["schema"]["$ref"];
                    assert_ne!(json, "#/components/schemas/ProblemBody", "{path} {status}");
                }
            }
        }
    }

    #[test]
    fn the_history_of_a_device_is_described_as_its_own() {
        let (_, description) = routes();
        let description = serde_json::to_value(&description).expect("JSON");
        let history = "/paths/~1api~1v1~1devices~1{device}~1history/get/responses/200";
        let schema = format!("{history}/content/application~1json/schema/items/$ref");
        let of_device = description.pointer(&schema).and_then(Value::as_str);
        assert_eq!(of_device, Some("#/components/schemas/DeviceEventView"));
    }
}
