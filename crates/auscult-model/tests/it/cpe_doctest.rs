//! Sessions of a Python library for CPE 2.3, run line by line against our types. A reader that
//! knows the few calls they make turns each `>>>` prompt into a case; what only says how Python
//! shows an object is counted and left out.

use std::collections::BTreeMap;

use auscult_model::{CpeAttribute, CpeName, CpeRelation, CpeStatement, CpeValue};

const FOLDER: &str = "cpe/nilp0inter-doctest";
/// Prompts that must be there, and those of them that state something.
const PROMPTS_MIN: usize = 364;
const CHECKS_MIN: usize = 176;

/// Statements of the suite that do not hold, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "cpe:/a:foo~bar:big%7emoney_2010",
        "example 5 of NISTIR 7695 section 6.1.3.4 unbinds this very text: a tilde outside of the \
         edition is a character",
    ),
    (
        r#"CPESet2_3._contains_wildcards("foo\\\?")"#,
        "two backslashes are one quoted backslash, so the question mark behind them is wild \
         (NISTIR 7695 section 5.3.2)",
    ),
    (
        r#"CPESet2_3._contains_wildcards("\\\*bar")"#,
        "two backslashes are one quoted backslash, so the asterisk behind them is wild, though it \
         may not stand there (NISTIR 7695 section 5.3.2)",
    ),
];

/// What stands behind a variable or an expression.
#[derive(Clone, Debug)]
enum Object {
    Text(String),
    Name(Box<CpeName>, &'static str),
    Set(Vec<CpeName>),
    Language(CpeStatement),
}

enum Outcome {
    /// It states something that holds.
    Holds,
    /// It states something that does not.
    Fails(String),
    /// It only prepares.
    Setup,
    /// It is about Python's objects.
    Python,
}

struct Session<'suite> {
    files: &'suite BTreeMap<String, String>,
    variables: BTreeMap<String, Object>,
}

#[test]
fn sessions_of_another_library() {
    let Some(files) = crate::suite(FOLDER) else { return };
    let (mut prompts, mut checks, mut python, mut wrong) = (0, 0, BTreeMap::new(), Vec::new());
    let mut excused = BTreeMap::<&str, usize>::new();
    for (path, text) in files.iter().filter(|(path, _)| path.contains("testfile")) {
        let mut session = Session { files: &files, variables: BTreeMap::new() };
        for (prompt, expected) in self::prompts(text) {
            prompts += 1;
            let outcome = session.run(&prompt, &expected);
            let value = prompt.split_once('(').map_or("", |(_, argument)| argument);
            let given = session.variables.get(value.trim_end_matches(')'));
            let known = EXCEPTIONS.iter().find(|(case, _)| {
                prompt == *case || matches!(given, Some(Object::Text(text)) if text == case)
            });
            match (outcome, known) {
                (Outcome::Holds, _) => checks += 1,
                (Outcome::Setup, _) => {}
                (Outcome::Python, _) => {
                    let call = prompt.split(['(', '[']).next().unwrap_or_default().to_owned();
                    *python.entry(call).or_insert(0) += 1;
                }
                (Outcome::Fails(_), Some((case, _))) => *excused.entry(*case).or_default() += 1,
                (Outcome::Fails(found), None) => wrong.push(format!("{path}: {prompt}: {found}")),
            }
        }
    }
    println!("cpe sessions: {prompts} prompts, {checks} checks hold, excused: {excused:?}");
    println!("  about Python's objects only: {python:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(prompts >= PROMPTS_MIN, "only {prompts} prompts");
    assert!(checks >= CHECKS_MIN, "only {checks} checks");
    assert_eq!(excused.len(), EXCEPTIONS.len(), "an exception is not needed any more");
}

/// The prompts of a session with what Python answered.
fn prompts(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let line = line.trim_start_matches('\u{feff}');
        if let Some(prompt) = line.strip_prefix(">>> ") {
            let prompt = prompt.split("  #").next().unwrap_or(prompt);
            let prompt = prompt.split(" #doctest").next().unwrap_or(prompt);
            let prompt = prompt.split(" # it is").next().unwrap_or(prompt);
            found.push((prompt.trim().to_owned(), String::new()));
            open = true;
        } else if line.trim().is_empty() {
            open = false;
        } else if let Some((_, answer)) = found.last_mut().filter(|_| open) {
            answer.push_str(line.trim_end());
            answer.push('\n');
        }
    }
    found
}

/// A literal of Python: its quotes taken off and, unless it is raw, its backslashes read.
fn literal(text: &str) -> Option<String> {
    let (raw, text) = text.strip_prefix('r').map_or((false, text), |rest| (true, rest));
    let quote = ["'''", "'", "\""].into_iter().find(|quote| text.starts_with(quote))?;
    let body = text.strip_prefix(quote)?.strip_suffix(quote)?;
    if raw {
        return Some(body.to_owned());
    }
    let mut read = String::new();
    let mut characters = body.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped =
            characters.next_if(|next| character == '\\' && matches!(next, '\\' | '\'' | '"'));
        read.push(escaped.unwrap_or(character));
    }
    Some(read)
}

/// The form that a class of the library reads.
fn form(class: &str) -> Option<&'static str> {
    Some(match class {
        "CPE2_3_FS" => "cpe:2.3:",
        "CPE2_3_URI" => "cpe:/",
        "CPE2_3_WFN" => "wfn:[",
        "CPE2_3" => "",
        _ => return None,
    })
}

fn value(text: &str) -> CpeValue {
    match text {
        "ANY" => CpeValue::Any,
        "NA" => CpeValue::NotApplicable,
        text => CpeValue::Text(text.to_owned()),
    }
}

fn told(holds: bool, found: &impl std::fmt::Debug) -> Outcome {
    if holds { Outcome::Holds } else { Outcome::Fails(format!("{found:?}")) }
}

impl Session<'_> {
    fn run(&mut self, prompt: &str, expected: &str) -> Outcome {
        if prompt.starts_with("from ") {
            return Outcome::Setup;
        }
        if let Some((name, expression)) = prompt.split_once(" = ") {
            return self.assign(name, expression, expected);
        }
        if let Some((set, name)) = prompt.split_once(".append(") {
            let added = self.variables.get(name.trim_end_matches(')')).cloned();
            if let (Some(Object::Set(names)), Some(Object::Name(name, _))) =
                (self.variables.get_mut(set), added)
                && !names.contains(&*name)
            {
                names.push(*name);
            }
            return Outcome::Setup;
        }
        self.ask(prompt, expected.trim_end())
    }

    /// An assignment; one that builds a name states that the text is one, or is none.
    fn assign(&mut self, variable: &str, expression: &str, expected: &str) -> Outcome {
        let (call, argument) = expression.split_once('(').unwrap_or((expression, ""));
        let argument = argument.trim_end_matches(')');
        let object = if let Some(text) = literal(expression) {
            Object::Text(text)
        } else if call == "CPESet2_3" {
            Object::Set(Vec::new())
        } else if call == "CPELanguage2_3" {
            Object::Language(self.language(argument))
        } else if let Some(prefix) = form(call).or((call == "CPELanguage2_3._unbind").then_some(""))
        {
            let text = self.text(argument);
            let name = Some(&text).filter(|text| text.starts_with(prefix));
            let name = name.and_then(|text| CpeName::parse(text).ok());
            let refused = expected.starts_with("Traceback");
            let Some(name) = name else { return told(refused, &"refused") };
            self.variables
                .insert(variable.to_owned(), Object::Name(Box::new(name.clone()), prefix));
            return told(!refused, &name);
        } else {
            // An attribute's constant, or a flag.
            Object::Text(expression.to_owned())
        };
        self.variables.insert(variable.to_owned(), object);
        Outcome::Setup
    }

    fn text(&self, argument: &str) -> String {
        match self.variables.get(argument) {
            Some(Object::Text(text)) => text.clone(),
            _ => literal(argument).unwrap(),
        }
    }

    fn name(&self, variable: &str) -> Option<(&CpeName, &'static str)> {
        match self.variables.get(variable.trim())? {
            Object::Name(name, form) => Some((name, form)),
            _ => None,
        }
    }

    fn ask(&self, prompt: &str, expected: &str) -> Outcome {
        let truth = |holds: bool| told((expected == "True") == holds, &holds);
        if let Some(call) = prompt.strip_prefix("CPESet2_3.") {
            return self.ask_set(call, &truth);
        }
        if let Some((one, other)) = prompt.split_once(" == ") {
            let (one, other) = (self.name(one).unwrap().0, self.name(other).unwrap().0);
            return truth(one == other);
        }
        if let Some((set, argument)) = prompt.split_once(".name_match(") {
            let Some(Object::Set(names)) = self.variables.get(set) else { panic!("{prompt}") };
            return truth(self.name(argument.trim_end_matches(')')).unwrap().0.matches_any(names));
        }
        if let Some((language, argument)) = prompt.split_once(".language_match(") {
            let (Some(Object::Language(statement)), Some(Object::Set(names))) =
                (self.variables.get(language), self.variables.get(argument.trim_end_matches(')')))
            else {
                panic!("{prompt}")
            };
            return truth(statement.holds(names).unwrap());
        }
        if let Some(variable) = prompt.strip_prefix("len(") {
            return match self.variables.get(variable.trim_end_matches(')')) {
                Some(Object::Set(names)) => told(names.len().to_string() == expected, &names.len()),
                _ => Outcome::Python,
            };
        }
        self.ask_name(prompt, expected)
    }

    /// What a name answers about itself.
    fn ask_name(&self, prompt: &str, expected: &str) -> Outcome {
        if let Some(variable) = prompt.strip_prefix("print(") {
            let (name, _) = self.name(variable.trim_end_matches(')')).unwrap();
            let (_, shown) = expected.split_once("): ").unwrap();
            return told(CpeName::parse(shown).as_ref() == Ok(name), name);
        }
        let Some((variable, call)) = prompt.split_once('.') else { return Outcome::Python };
        let (name, form) = self.name(variable).unwrap();
        let expected = expected.trim_start_matches('[').trim_end_matches(']');
        let expected = literal(expected).unwrap();
        if call.starts_with("get_attribute_values") {
            let Some(Object::Text(constant)) = self.variables.get("att") else {
                panic!("{prompt}")
            };
            let constant = constant.rsplit_once("ATT_").unwrap().1.to_lowercase();
            let attribute =
                CpeAttribute::ALL.into_iter().find(|known| known.name() == constant).unwrap();
            let found = match form {
                "wfn:[" => name.get(attribute).to_string(),
                "cpe:/" => name.uri().split(':').nth(attribute.index() + 1).unwrap().to_owned(),
                _ => name.formatted().attributes()[attribute.index()].to_owned(),
            };
            let found =
                if form == "cpe:/" { found.trim_start_matches('/').to_owned() } else { found };
            return told(found == expected, &found);
        }
        match call {
            "as_uri_2_3()" => told(name.uri() == expected, &name.uri()),
            "as_fs()" => told(name.formatted().0 == expected, &name.formatted()),
            // The library leaves out what a URI cannot say; that means ANY (section 5.2).
            "as_wfn()" => told(CpeName::parse(&expected).as_ref() == Ok(name), name),
            _ => panic!("{prompt}"),
        }
    }

    /// A function over sets, with two literals or two names.
    fn ask_set(&self, call: &str, truth: &dyn Fn(bool) -> Outcome) -> Outcome {
        let (function, rest) = call.split_once('(').unwrap();
        let (arguments, relation) =
            rest.split_once(") == CPESet2_3.LOGICAL_VALUE_").unwrap_or((rest, ""));
        let arguments: Vec<&str> = arguments.trim_end_matches(')').split(", ").collect();
        let names = || {
            (self.name(arguments[0]).unwrap().0.clone(), self.name(arguments[1]).unwrap().0.clone())
        };
        match function {
            "_compare" | "_compare_strings" => {
                let values = arguments.iter().map(|text| value(&literal(text).unwrap()));
                let [source, target] =
                    <[CpeValue; 2]>::try_from(values.collect::<Vec<_>>()).unwrap();
                let expected = match relation {
                    "DISJOINT" => CpeRelation::Disjoint,
                    "EQUAL" => CpeRelation::Equal,
                    "SUBSET" => CpeRelation::Subset,
                    "SUPERSET" => CpeRelation::Superset,
                    other => panic!("{other}"),
                };
                truth(source.relation(&target) == expected)
            }
            "_is_string" => {
                truth(matches!(value(&literal(arguments[0]).unwrap()), CpeValue::Text(_)))
            }
            "_contains_wildcards" => truth(value(&literal(arguments[0]).unwrap()).has_wildcard()),
            "cpe_disjoint" => truth(names().0.is_disjoint(&names().1)),
            "cpe_superset" => truth(names().0.is_superset(&names().1)),
            "cpe_subset" => truth(names().0.is_subset(&names().1)),
            "cpe_equal" => truth(names().0.is_equal(&names().1)),
            _ => Outcome::Python,
        }
    }

    /// A document of the applicability language: text or a file of the suite, XML or JSON.
    fn language(&self, arguments: &str) -> CpeStatement {
        let first = self.text(arguments.split(',').next().unwrap());
        let name = first.strip_prefix("tests/").map(|name| format!("{FOLDER}/{name}"));
        let document = name.map_or(&first, |name| &self.files[&name]);
        match serde_json::from_str(document) {
            Ok(serde_json::Value::Array(nodes)) => {
                CpeStatement::All(nodes.iter().map(node).collect())
            }
            _ => xml(document),
        }
    }
}

/// A node of the JSON form (that of NVD's older feeds).
fn node(node: &serde_json::Value) -> CpeStatement {
    let list = |key: &str| node[key].as_array().unwrap().iter();
    let mut parts: Vec<CpeStatement> = list("children").map(self::node).collect();
    let names = list("cpe_match").map(|name| name["cpe23Uri"].as_str().unwrap());
    parts.extend(names.map(|name| CpeStatement::name(CpeName::parse(name).unwrap())));
    if node["operator"] == "AND" { CpeStatement::All(parts) } else { CpeStatement::Any(parts) }
}

/// The XML form, tag by tag.
fn xml(document: &str) -> CpeStatement {
    let mut open: Vec<(String, Vec<CpeStatement>)> = vec![("AND".to_owned(), Vec::new())];
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    for tag in document.split('<') {
        if tag.starts_with("cpe:logical-test") {
            assert_eq!(attribute(tag, "negate"), "FALSE");
            open.push((attribute(tag, "operator"), Vec::new()));
        } else if tag.starts_with("cpe:fact-ref") {
            let name = CpeName::parse(&attribute(tag, "name")).unwrap();
            open.last_mut().unwrap().1.push(CpeStatement::name(name));
        } else if tag.starts_with("/cpe:logical-test") {
            let (operator, parts) = open.pop().unwrap();
            let all = operator == "AND";
            let whole = if all { CpeStatement::All(parts) } else { CpeStatement::Any(parts) };
            open.last_mut().unwrap().1.push(whole);
        }
    }
    CpeStatement::All(open.pop().unwrap().1)
}
