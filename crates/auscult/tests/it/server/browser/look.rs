//! What every page must be on every screen: without a complaint of the browser, usable by
//! everybody, and no wider than a phone. With `AUSCULT_SHOTS` set to a folder it is photographed
//! there (`cargo xtask shots`).

#![expect(clippy::print_stderr, reason = "a skipped test is told")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use auscult_model::Sha256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::driver::{Browser, Screen};

/// The checks of accessibility, which are used as they are and shipped with nothing.
const AXE: &str = "axe-core@4.14.1";
const AXE_DIGEST: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";

/// WCAG 2.2 A and AA, and what the project of the checks calls good practice.
const EVERYTHING: &str =
    "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
/// What depends on colours.
const COLOURS: &str = "{ type: 'rule', values: ['color-contrast', 'link-in-text-block'] }";

/// Runs these checks and returns what they found.
fn check(which: &str) -> String {
    format!(
        "const done = arguments[arguments.length - 1];
        const told = node => node.html + ' ' + node.failureSummary;
        axe.run(document, {{ resultTypes: ['violations'], runOnly: {which} }}).then(
            said => done(said.violations.map(
                one => `${{one.id}}: ${{one.help}}: ` + one.nodes.map(told).join(' | '))),
            error => done([String(error)]))"
    )
}

/// Elements that make the page wider than the screen.
const TOO_WIDE: &str = "const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll('main *, header *')]
        .filter(one => one.getBoundingClientRect().right > width + 1
            && !one.closest('.scroll, pre'))
        .map(one => one.outerHTML.slice(0, 200));";

/// The height up to which a page is photographed.
const PICTURE_MAX: u32 = 3_000;

/// How closely pages are looked at.
pub(super) struct Look {
    /// The script with the checks; `None` where only complaints are asked for.
    checks: Option<String>,
    pictures: Option<PathBuf>,
}

impl Look {
    /// At everything.
    pub(super) fn closely() -> Self {
        let pictures = std::env::var_os("AUSCULT_SHOTS").map(PathBuf::from);
        if let Some(folder) = &pictures {
            std::fs::create_dir_all(folder).expect("create the folder of pictures");
        }
        Self { checks: checks().map(str::to_owned), pictures }
    }

    /// At what the browser complains about.
    pub(super) fn briefly() -> Self {
        Self { checks: None, pictures: None }
    }

    /// Looks at the page that is shown.
    pub(super) fn at(&self, browser: &Browser, name: &str) {
        // First of all, as the checks that follow are no part of the page.
        let complaints = browser.complaints();
        assert!(complaints.is_empty(), "{name}: {complaints:#?}");
        if self.checks.is_none() && self.pictures.is_none() {
            return;
        }
        for colour in ["light", "dark"] {
            browser.colour(colour);
            for screen in [Screen::Desktop, Screen::Phone] {
                browser.show_on(screen);
                self.on(browser, name, colour, screen);
            }
        }
        browser.colour("light");
        browser.show_on(Screen::Desktop);
        browser.complaints();
    }

    fn on(&self, browser: &Browser, name: &str, colour: &str, screen: Screen) {
        let wide = browser.run(TOO_WIDE);
        assert!(list(&wide).is_empty(), "{name} is too wide on {screen:?}: {wide:#}");
        if let Some(folder) = &self.pictures {
            let kind = if screen == Screen::Phone { "phone" } else { "desktop" };
            let picture = STANDARD.decode(browser.picture(screen, PICTURE_MAX)).expect("base64");
            let path = folder.join(format!("{name}-{kind}-{colour}.png"));
            std::fs::write(path, picture).expect("write a picture");
        }
        // Another screen only moves things; what is hidden there is hidden from nobody who listens.
        if let Some(checks) = self.checks.as_ref().filter(|_| screen == Screen::Desktop) {
            if colour == "light" {
                browser.run(checks);
            }
            let which = if colour == "light" { EVERYTHING } else { COLOURS };
            let found = browser.run_until_done(&check(which));
            assert!(list(&found).is_empty(), "{name} in {colour}: {found:#}");
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The script with the checks, fetched once into the target folder. Without a network the
/// checks are skipped, and that is told; where `CI` is set it is a failure.
fn checks() -> Option<&'static str> {
    static CHECKS: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
        let script = folder.join("node_modules").join("axe-core").join("axe.min.js");
        if !script.is_file() {
            std::fs::create_dir_all(&folder).expect("create a folder");
            let mut command = Command::new("npm");
            command.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]);
            let _ = command.arg("--prefix").arg(&folder).arg(AXE).output();
        }
        let Ok(text) = std::fs::read_to_string(&script) else {
            assert!(std::env::var_os("CI").is_none(), "{AXE} could not be fetched: install npm");
            eprintln!("\nSKIPPED: checks of accessibility, as {AXE} could not be fetched by npm\n");
            return None;
        };
        assert_eq!(Sha256::of(text.as_bytes()).to_string(), AXE_DIGEST, "{AXE} is another one");
        Some(text)
    };
    CHECKS.get_or_init(read).as_deref()
}
