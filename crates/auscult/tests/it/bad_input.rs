//! Bad input: a clear error or an inconclusive result with its reason; never a panic, never a
//! hang; with a gate, never exit 0.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::support::{auscult, code, file, sample, stderr, stdout, text};

/// Scans without and with a gate and returns both exit codes and the last messages.
fn scan(target: &Path) -> (i32, i32, String) {
    let plain = auscult(&["scan", text(target)]);
    let gated = auscult(&["scan", text(target), "--fail-on", "kev", "--max-snapshot-age", "9999"]);
    for output in [&plain, &gated] {
        assert!(!stderr(output).contains("panicked"), "{}", stderr(output));
    }
    let told = format!("{}{}{}", stdout(&gated), stderr(&plain), stderr(&gated));
    (code(&plain), code(&gated), told)
}

#[test]
fn an_empty_file_is_an_error_with_a_hint() {
    let (_folder, path) = file(b"");
    let (plain, gated, told) = scan(&path);
    assert_eq!((plain, gated), (1, 1));
    assert!(told.contains("empty (0 bytes)") && told.contains("hint:"), "{told}");
}

#[test]
fn random_bytes_text_and_zeros_are_inconclusive() {
    let mut state = 0x2545_f491_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(300_000)
    .collect();
    let words = "The quick brown fox reads the manual.\n".repeat(500).into_bytes();
    for bytes in [noise, words, vec![0; 5 << 20]] {
        let (_folder, path) = file(&bytes);
        let (plain, gated, told) = scan(&path);
        assert_eq!((plain, gated), (4, 4), "{told}");
    }
}

#[test]
fn a_gibibyte_of_zeros_is_padding_and_ends_soon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zeros");
    fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let output = auscult(&["scan", text(&path), "-o", "json"]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let result: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(result["coverage"]["bytes_padding"], 1 << 30);
}

#[test]
fn truncated_images_show_their_problems_and_never_pass_a_gate() {
    let whole = fs::read(sample()).unwrap();
    for share in [4, 7, 8] {
        let (_folder, path) = file(&whole[..whole.len() * share / 10]);
        let (plain, gated, told) = scan(&path);
        assert!(matches!(plain, 0 | 4), "{share}/10: exit {plain}: {told}");
        assert!(matches!(gated, 3 | 4), "{share}/10: exit {gated}: {told}");
    }
}

#[test]
fn a_missing_file_and_an_unreadable_folder_are_errors() {
    let (plain, _, told) = scan(Path::new("/no/such/image"));
    assert_eq!(plain, 1);
    assert!(told.contains("/no/such/image") && told.contains("hint:"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let (plain, gated, told) = scan(folder.path());
    assert_eq!((plain, gated), (1, 1));
    assert!(told.contains("nothing in it could be read"), "{told}");
}

#[test]
fn a_symlink_loop_neither_hangs_nor_escapes() {
    let folder = tempfile::tempdir().unwrap();
    symlink(".", folder.path().join("loop")).unwrap();
    symlink("b", folder.path().join("a")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    symlink("/etc/os-release", folder.path().join("host")).unwrap();
    let (plain, gated, told) = scan(folder.path());
    assert_eq!((plain, gated), (4, 4), "{told}");
    let looping = folder.path().join("a");
    assert_eq!(scan(&looping).0, 1);
}

#[test]
fn wrong_policy_context_and_snapshot_are_named_with_their_place() {
    let image = sample();
    let image = text(&image);
    let (_one, policy) = file(b"fail-on = [\"kev\", \"catastrophic\"]\n");
    let output = auscult(&["scan", image, "--policy", text(&policy)]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("catastrophic"), "{}", stderr(&output));
    let (_two, context) = file(b"model = \"pump\"\nexposed = true\n");
    let output = auscult(&["scan", image, "--context", text(&context)]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("exposed"), "{}", stderr(&output));
    let (_three, snapshot) = file(b"not a snapshot");
    let output = auscult(&["scan", image, "--advisories", text(&snapshot)]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("snapshot"), "{}", stderr(&output));
    let output = auscult(&["scan", image, "--fail-on", "catastrophic"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("immediate"), "{}", stderr(&output));
}

#[test]
fn an_sbom_that_cannot_be_read_is_refused_by_its_name() {
    for (text_of, name) in [
        (r#"{"spdxVersion":"SPDX-2.3","packages":[]}"#, "SPDX 2 JSON"),
        ("SPDXVersion: SPDX-2.2\nPackageName: a\n", "SPDX 2 tag-value"),
        (
            "<?xml version=\"1.0\"?><bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"/>",
            "CycloneDX XML",
        ),
    ] {
        let (_folder, path) = file(text_of.as_bytes());
        let (plain, gated, told) = scan(&path);
        assert_eq!((plain, gated), (1, 1), "{told}");
        assert!(told.contains(name) && told.contains("hint:"), "{told}");
    }
    let (_folder, path) = file(br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":"#);
    assert_eq!(scan(&path).0, 1);
}

#[test]
fn a_limit_that_is_reached_gives_the_same_result_each_time() {
    let image = sample();
    let arguments = ["scan", text(&image), "--unpacked-limit", "150000", "-o", "json"];
    let arguments = [&arguments[..], &["--facts-only"]].concat();
    let first = stdout(&auscult(&arguments));
    assert!(first.contains("limit derived-bytes"), "{first}");
    for _ in 0..5 {
        assert_eq!(stdout(&auscult(&arguments)), first);
    }
}

#[test]
fn an_sbom_of_gigabytes_is_refused_before_it_is_held_in_memory() {
    let (_folder, path) = file(br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[]}"#);
    std::fs::File::options().write(true).open(&path).unwrap().set_len(20 << 30).unwrap();
    let (plain, gated, told) = scan(&path);
    assert_eq!((plain, gated), (1, 1));
    assert!(told.contains("read the SBOM") && told.contains("hint:"), "{told}");
}
