//! Any text as a manifest, evidence, a deny list, a trust root, a challenge and path classes; what can be read is
//! compared with itself.
#![no_main]

use auscult_attest::{
    Challenge, Classes, DENY_TYPE, DenyList, EVIDENCE_TYPE, Error, Evidence, GivenReference,
    GivenRoot, Measured, Question, REFERENCE_TYPE, ROOT_TYPE, Reference, Trust, TrustRoot, verify,
};
use auscult_dsse::{Envelope, PAYLOAD_TYPE, SigningKey};

/// The statement around a predicate, so that the fuzzer need not find its frame.
fn framed(kind: &str, predicate: &[u8]) -> Vec<u8> {
    let head = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"image","digest":{{"sha256":"{:064}"}}}}],"predicateType":"{kind}","predicate":"#,
        0
    );
    [head.as_bytes(), predicate, b"}"].concat()
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let key = SigningKey::from_seed(&[7; 32]);
    if let Ok(envelope) = serde_json::from_slice::<Envelope>(bytes) {
        drop(envelope.open(PAYLOAD_TYPE, &[key.public()]));
        drop(envelope.predicate_type());
    }
    drop(Challenge::read(bytes));
    let text = String::from_utf8_lossy(bytes);
    drop(Classes::parse(&text));
    drop(DenyList::parse(&text));
    drop(DenyList::read(&framed(DENY_TYPE, bytes)));
    drop(TrustRoot::parse(&text, |_| Ok::<_, Error>(key.public())));
    let root = framed(ROOT_TYPE, bytes);
    if TrustRoot::read(&root).is_ok() {
        let sealed = serde_json::to_vec(&Envelope::sign(PAYLOAD_TYPE, &root, &key)).unwrap();
        let given = GivenRoot::read(&sealed).expect("it was read before");
        let day = "2026-11-26".parse().unwrap();
        drop(Trust::of_roots(&given, std::slice::from_ref(&given), day));
    }
    let evidence = Evidence::read(&framed(EVIDENCE_TYPE, bytes));
    let payload = framed(REFERENCE_TYPE, bytes);
    if Reference::read(&payload).is_err() && evidence.is_err() {
        return;
    }
    let sealed = serde_json::to_vec(&Envelope::sign(PAYLOAD_TYPE, &payload, &key)).unwrap();
    let references: Vec<_> = GivenReference::read("it", &sealed).into_iter().collect();
    let question = Question {
        references: &references,
        trust: &Trust::of_keys(vec![key.public()]),
        challenge: None,
        deny: None,
        level_min: None,
        now: "2026-11-26T00:00:00Z".parse().unwrap(),
        as_of: "2026-11-26".parse().unwrap(),
        date_only: false,
    };
    if let Ok(evidence) = evidence {
        let verdict = verify(&Measured::Own(Box::new(evidence)), &question, None);
        drop((verdict.table(), verdict.json()));
    }
});
