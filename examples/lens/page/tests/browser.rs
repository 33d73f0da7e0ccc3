//! The page in a browser shows what `inspect` prints, as text and with `--json`, and its drawings step as the tables
//! do.

use std::io::{Read, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use std::{env, fs, thread};

use serde_json::{Value, json};

/// A browser that takes longer is stopped.
const PATIENCE: Duration = Duration::from_secs(120);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    names.into_iter().find(runs)
}

/// What `inspect` prints with these arguments.
fn inspect(args: &[&str]) -> String {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--package", "inspect", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .arg("--")
        .args(args)
        .output()
        .expect("cargo runs");
    assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The objects that it prints, a line each.
fn objects(args: &[&str]) -> Vec<Value> {
    inspect(args).lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

/// The document of a page in the browser, once it is loaded.
fn shown(browser: &str, page: &Path, profile: &Path) -> String {
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the browser starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    let (done, waits) = channel();
    thread::spawn(move || {
        let mut dom = Vec::new();
        let read = stdout.read_to_end(&mut dom);
        let _ = done.send(read.map(|_| dom));
    });
    let dom = waits.recv_timeout(PATIENCE);
    let _ = child.kill();
    let _ = child.wait();
    let dom = dom.expect("the browser ends in time").expect("it can be read");
    String::from_utf8_lossy(&dom).into_owned()
}

/// The inputs, and the answers of the page.
struct Page {
    said: std::vec::IntoIter<Value>,
    steps: Vec<Value>,
}

impl Page {
    fn ask(browser: &str, folder: &Path, asked: &[Value]) -> Self {
        let page = folder.join("lens.html");
        let built = Command::new(env!("CARGO_BIN_EXE_lens")).arg(&page).status().expect("it starts");
        assert!(built.success());
        let text = fs::read_to_string(&page).expect("the page");
        let asked = Value::from(asked).to_string().replace('<', "\\u003c");
        let driver = format!("<script>const ASKED = {asked};\n{}</script>\n</html>", include_str!("driver.js"));
        let driven = folder.join("driven.html");
        fs::write(&driven, text.replace("</html>", &driver)).expect("written");

        let dom = shown(browser, &driven, &folder.join("profile"));
        let answers = dom.split_once("<pre id=\"answers\">").and_then(|(_, rest)| rest.split_once("</pre>"));
        let answers = answers.unwrap_or_else(|| panic!("the page has no answers: {} bytes", dom.len())).0;
        let answers =
            answers.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&");
        let answers: Value = serde_json::from_str(&answers).unwrap_or_else(|error| panic!("{error}: {answers}"));
        assert!(answers["error"].is_null(), "{answers}");
        let list = |name: &str| answers[name].as_array().expect("a list").clone();
        Self { said: list("said").into_iter(), steps: list("steps") }
    }

    /// Whether the next one was explained, its text, and its object.
    fn next(&mut self) -> (bool, String, Value) {
        let said = self.said.next().expect("an answer to each question");
        let text = |name: &str| said[name].as_str().expect("text").to_owned();
        (said["ok"] == true, text("text"), serde_json::from_str(&text("json")).expect("JSON"))
    }
}

/// Many inputs of one kind: each object is that of `inspect --json`, and the texts are those of `inspect`.
fn compare(page: &mut Page, kind: &str, inputs: &[String]) {
    let arguments = |head: &[&'static str]| -> Vec<String> {
        head.iter().map(|word| (*word).to_owned()).chain(inputs.iter().cloned()).collect()
    };
    let asked = arguments(if kind == "frame" { &["frame", "--json"] } else { &["surface", "--json", "--"] });
    let mut texts = Vec::new();
    for (input, expected) in inputs.iter().zip(objects(&asked.iter().map(String::as_str).collect::<Vec<_>>())) {
        let (ok, text, object) = page.next();
        assert_eq!((ok, &object), (expected["ok"] == true, &expected), "{input}");
        if ok {
            texts.push(text);
        } else {
            assert!(text.contains(expected["error"].as_str().expect("text")), "{input}: {text}");
        }
    }
    let asked = arguments(if kind == "frame" { &["frame"] } else { &["surface", "--"] });
    assert_eq!(texts.join("\n"), inspect(&asked.iter().map(String::as_str).collect::<Vec<_>>()));
}

#[test]
fn the_page_says_what_inspect_says_and_steps_as_the_tables_do() {
    let Some(browser) = browser() else {
        // Not `eprintln!`, which is only shown for tests that fail.
        let what = "the lens: no Chromium is installed (apt-get install chromium)";
        return writeln!(stderr(), "\n*** NOT TESTED: {what} ***\n").expect("standard error is open");
    };
    let folder = env::temp_dir().join(format!("lens-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");

    let vectors = fs::read(root().join("docs/vectors.json")).expect("the vectors");
    let vectors: Value = serde_json::from_slice(&vectors).expect("JSON");
    let texts = |list: &str, field: &str| -> Vec<String> {
        let list = vectors[list].as_array().expect("a list").iter();
        list.map(|one| one[field].as_str().expect("text").to_owned()).collect()
    };
    // Blanks around what is pasted are cut off, so a name with such a blank is not tried.
    let names: Vec<_> = texts("surfaces", "name").into_iter().filter(|name| name.trim() == name).collect();
    let (golden, refused) = (texts("frames", "hex"), texts("refused", "hex"));
    assert!(golden.len() > 40 && refused.len() > 400 && names.len() > 5);
    let frames: Vec<String> = golden.into_iter().chain(refused).filter(|hex| !hex.is_empty()).collect();
    let manifests = ["manifest", "outer"].map(|name| vectors["envelope"][name].as_str().expect("a text").to_owned());
    let policies = root().join("examples/conference/policies");
    let read = |name: &str| fs::read_to_string(policies.join(name)).expect("a text");
    let (vocabulary, policy) = (read("names.vocabulary"), read("corporate.policy"));
    let wrong = policy.replace("permit", "pemit").replace("transcribe", "transcrbe");

    let asked: Vec<Value> = (frames.iter().map(|frame| json!(["frame", frame, null])))
        .chain(names.iter().map(|name| json!(["surface", name, null])))
        .chain(manifests.iter().map(|manifest| json!(["manifest", manifest, null])))
        .chain([&policy, &wrong].map(|policy| json!(["policy", policy, vocabulary])))
        .collect();
    let mut page = Page::ask(browser, &folder, &asked);

    compare(&mut page, "frame", &frames);
    compare(&mut page, "surface", &names);
    for manifest in &manifests {
        let file = folder.join("manifest.json");
        fs::write(&file, manifest).expect("written");
        let (ok, text, object) = page.next();
        assert!(ok, "{text}");
        let expected = &objects(&["manifest", "--json", &file.to_string_lossy()])[0];
        for (name, value) in object.as_object().expect("an object") {
            assert_eq!(value, &expected[name], "{name}");
        }
        assert!(inspect(&["manifest", &file.to_string_lossy()]).starts_with(&text), "{text}");
    }

    let vocabulary = policies.join("names.vocabulary").to_string_lossy().into_owned();
    let good = policies.join("corporate.policy").to_string_lossy().into_owned();
    let (ok, text, object) = page.next();
    assert!(ok, "{text}");
    let expected = &objects(&["policy", &good, "--vocabulary", &vocabulary, "--json"])[0]["authorities"][0];
    for (name, value) in object.as_object().expect("an object") {
        assert_eq!(value, &expected[name], "{name}");
    }
    let file = folder.join("policy");
    fs::write(&file, &wrong).expect("written");
    let (ok, text, object) = page.next();
    assert!(!ok && text.contains("did you mean"), "{text}");
    let expected = objects(&["policy", &file.to_string_lossy(), "--vocabulary", &vocabulary, "--json"]);
    let complaints = object.as_array().expect("a list");
    assert!(expected.len() > 5 && complaints.len() == expected.len());
    for (complaint, expected) in complaints.iter().zip(&expected) {
        for name in ["ok", "line", "column", "error"] {
            assert_eq!(complaint[name], expected[name]);
        }
    }

    assert_eq!(page.steps, objects(&["machines", "--json"]), "each row of each machine was stepped");
    assert!(page.said.next().is_none());
    let _ = fs::remove_dir_all(&folder);
}
