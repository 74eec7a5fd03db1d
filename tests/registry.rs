//! `hotcell image pull` by the real program, from a registry on this machine that serves what the test says.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// An answer: its status, its headers, its body, and how many bytes of that are promised.
#[derive(Clone)]
struct Answer {
    status: &'static str,
    header: String,
    body: Vec<u8>,
    promised: usize,
}

impl Answer {
    fn ok(body: &[u8]) -> Self {
        Self { status: "200 OK", header: String::new(), body: body.to_vec(), promised: body.len() }
    }
}

/// A registry; each path has one answer, all else is 404.
struct Registry {
    address: String,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    /// The headers `Authorization` that came, by path.
    shown: Arc<Mutex<Vec<(String, String)>>>,
    /// Asked for by those who show none.
    challenge: Arc<Mutex<Option<String>>>,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap().to_string(),
            answers: Arc::default(),
            shown: Arc::default(),
            challenge: Arc::default(),
        };
        let (answers, shown, challenge) =
            (registry.answers.clone(), registry.shown.clone(), registry.challenge.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, &answers, &shown, &challenge);
            }
        });
        registry
    }

    fn put(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Puts a blob and gives its descriptor.
    fn blob(&self, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        self.put(&format!("/v2/tools/blobs/{digest}"), Answer::ok(bytes));
        json!({ "digest": digest, "size": bytes.len() })
    }

    /// Puts an image of one layer, with an index over it, as `tools:1`; gives the layer's digest.
    fn image(&self) -> String {
        let layer = tar_of("hello", b"from the registry");
        let config = json!({
            "architecture": architecture(), "os": "linux", "config": { "User": "7" },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        let manifest = json!({
            "schemaVersion": 2, "config": self.blob(config.to_string().as_bytes()), "layers": [self.blob(&layer)],
        })
        .to_string();
        self.put(&format!("/v2/tools/manifests/{}", digest(manifest.as_bytes())), Answer::ok(manifest.as_bytes()));
        let entry = |architecture, digest: &str| json!({ "digest": digest, "size": manifest.len(), "platform": { "os": "linux", "architecture": architecture } });
        let other = digest(b"nothing");
        let index =
            json!({ "manifests": [entry("sparc", &other), entry(architecture(), &digest(manifest.as_bytes()))] });
        self.put("/v2/tools/manifests/1", Answer::ok(index.to_string().as_bytes()));
        digest(&layer)
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Answer)) {
        change(self.answers.lock().unwrap().get_mut(path).unwrap());
    }
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }
}

fn tar_of(name: &str, data: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, data).unwrap();
    builder.into_inner().unwrap()
}

fn serve(
    mut stream: TcpStream,
    answers: &Mutex<HashMap<String, Answer>>,
    shown: &Mutex<Vec<(String, String)>>,
    challenge: &Mutex<Option<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    let path = request.split(' ').nth(1).unwrap_or("").to_owned();
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let authorization = headers.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
    });
    if let Some(authorization) = &authorization {
        shown.lock().unwrap().push((path.clone(), authorization.clone()));
    }
    let none = || Answer { status: "404 Not Found", header: String::new(), body: b"{}".to_vec(), promised: 2 };
    let answer = match challenge.lock().unwrap().as_ref() {
        Some(challenge) if authorization.is_none() && path.starts_with("/v2/") => Answer {
            status: "401 Unauthorized",
            header: format!("WWW-Authenticate: {challenge}\r\n"),
            body: vec![],
            promised: 0,
        },
        _ => answers.lock().unwrap().get(&path).cloned().unwrap_or_else(none),
    };
    let Answer { status, header, body, promised } = answer;
    write!(stream, "HTTP/1.1 {status}\r\n{header}Content-Length: {promised}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)
}

fn pull(home: &Path, reference: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotcell"));
    for name in
        ["HOTCELL_CONFIG", "HOTCELL_ENGINE", "HOTCELL_IMAGE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG"]
    {
        command.env_remove(name);
    }
    command.env("HOME", home).args(["image", "pull", reference, "--format", "json"]).output().unwrap()
}

/// What a pull that must fail says; nothing of the image stays.
#[track_caller]
fn refused(reference: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let output = pull(home.path(), reference);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let images = fs::read_dir(home.path().join(".local/share/hotcell/images"));
    let left: Vec<_> = images.into_iter().flatten().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "lock"), "{left:?}");
    said
}

#[test]
fn an_image_is_pulled_for_this_machine_and_named_as_it_was_asked_for() {
    let registry = Registry::start();
    registry.image();
    let home = tempfile::tempdir().unwrap();
    let reference = format!("{}/tools:1", registry.address);
    let output = pull(home.path(), &reference);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["reference"], &told["config"]["user"]), (&json!(reference), &json!("7")));
    let file = Path::new(told["rootfs"].as_str().unwrap()).join("hello");
    assert_eq!(fs::read(file).unwrap(), b"from the registry");
    assert!(said.contains("layer 1 of 1"), "{said}");
}

#[test]
fn what_a_registry_lacks_is_named_with_what_to_do() {
    let registry = Registry::start();
    registry.image();
    let said = refused(&format!("{}/tools:2", registry.address));
    let expected = format!("the registry {} has no tools:2; check the name and the tag", registry.address);
    assert!(said.contains(&expected), "{said}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = refused(&format!("{closed}/tools:1"));
    assert!(said.contains(&format!("cannot reach the registry {closed}: Connection refused")), "{said}");
    let said = refused("Not a reference");
    assert!(said.contains("`Not a reference` is not an image reference"), "{said}");
}

#[test]
fn a_blob_that_is_not_what_its_digest_says_is_named() {
    let registry = Registry::start();
    let layer = registry.image();
    let path = format!("/v2/tools/blobs/{layer}");
    registry.change(&path, |answer| answer.body[600] ^= 1);
    let said = refused(&format!("{}/tools:1", registry.address));
    assert!(said.contains(&format!("blob {layer} is not what its digest says")), "{said}");
}

#[test]
fn a_manifest_that_is_not_the_one_that_was_asked_for_is_refused() {
    let registry = Registry::start();
    let wanted = digest(b"another");
    registry.put(&format!("/v2/tools/manifests/{wanted}"), Answer::ok(b"{}"));
    let said = refused(&format!("{}/tools@{wanted}", registry.address));
    assert!(said.contains("the manifest is not what its digest says"), "{said}");
}

#[test]
fn a_blob_that_is_cut_off_is_named_whatever_the_registry_promised() {
    let registry = Registry::start();
    let layer = registry.image();
    let path = format!("/v2/tools/blobs/{layer}");
    registry.change(&path, |answer| answer.body.truncate(700));
    let said = refused(&format!("{}/tools:1", registry.address));
    assert!(said.contains(&format!("stopped in the middle of blob {layer}")) && said.contains("pull again"), "{said}");
    registry.change(&path, |answer| answer.promised = 700);
    let said = refused(&format!("{}/tools:1", registry.address));
    assert!(said.contains(&format!("blob {layer} has 700 bytes and should have ")), "{said}");
}

#[test]
fn no_more_of_an_answer_is_taken_than_it_should_have() {
    let registry = Registry::start();
    let layer = registry.image();
    registry.change(&format!("/v2/tools/blobs/{layer}"), |answer| {
        answer.body.resize(1 << 20, 0);
        answer.promised = 1 << 20;
    });
    let said = refused(&format!("{}/tools:1", registry.address));
    assert!(said.contains(&format!("blob {layer} has ")), "{said}");
    registry.put("/v2/tools/manifests/1", Answer::ok(&vec![b' '; 5 << 20]));
    let said = refused(&format!("{}/tools:1", registry.address));
    assert!(said.contains("the manifest has more than 4 MiB"), "{said}");
}

#[test]
fn nothing_is_fetched_in_the_clear_from_another_machine() {
    let registry = Registry::start();
    let header = "Location: http://203.0.113.7/v2/tools/manifests/1\r\n".to_owned();
    let elsewhere = Answer { status: "307 Temporary Redirect", header, body: vec![], promised: 0 };
    registry.put("/v2/tools/manifests/1", elsewhere);
    let said = refused(&format!("{}/tools:1", registry.address));
    assert!(said.contains("it sends to an address that is not https"), "{said}");
    *registry.challenge.lock().unwrap() = Some("Bearer realm=\"http://203.0.113.7/token\"".to_owned());
    let said = refused(&format!("{}/tools:1", registry.address));
    assert!(said.contains("an address that is not https"), "{said}");
}

#[test]
fn a_token_is_fetched_where_the_registry_wants_one_with_the_users_own_credentials() {
    let registry = Registry::start();
    registry.image();
    *registry.challenge.lock().unwrap() =
        Some(format!("Bearer realm=\"http://{}/token\",service=\"tests\"", registry.address));
    let token = "/token?service=tests&scope=repository%3Atools%3Apull";
    registry.put(token, Answer::ok(br#"{"token":"t0k3n"}"#));
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".docker")).unwrap();
    let config = json!({ "auths": { registry.address.clone(): { "auth": "YTpi" } } });
    fs::write(home.path().join(".docker/config.json"), config.to_string()).unwrap();
    let output = pull(home.path(), &format!("{}/tools:1", registry.address));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = registry.shown.lock().unwrap();
    assert_eq!(shown[0], (token.to_owned(), "Basic YTpi".to_owned()));
    assert!(shown[1..].iter().all(|(_, authorization)| authorization == "Bearer t0k3n"), "{shown:?}");

    *registry.challenge.lock().unwrap() = Some("Basic realm=\"x\"".to_owned());
    let said = refused(&format!("{}/tools:1", registry.address));
    assert!(said.contains("refuses tools:1 (401)") && said.contains("docker login"), "{said}");
}
