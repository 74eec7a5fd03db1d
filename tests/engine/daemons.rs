//! What only an engine with a daemon has.

use super::*;

pub async fn an_engine_lost_in_mid_run_is_an_error_everywhere(kind: EngineKind) {
    let real = engine(kind).await;
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("engine.sock");
    let target = address(kind).trim_start_matches("unix://").to_owned();
    let listener = UnixListener::bind(&socket).unwrap();
    // Aborting it cuts every connection at once, as a killed daemon does.
    let proxy = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = UnixStream::connect(&target).await.unwrap();
            connections.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let address = format!("unix://{}", socket.display());
    let engine = DockerEngine::connect(&Endpoint { address, ..endpoint(kind) }).await.unwrap();
    let spec = hardened(kind, "import time; print('up', flush=True); time.sleep(60)");
    engine.create(&spec).await.unwrap();
    let mut attached = engine.attach(&spec.name).await.unwrap();
    engine.start(&spec.name).await.unwrap();
    assert_eq!(attached.output.recv().await.unwrap().unwrap().1, b"up\n");
    let (waited, ()) = tokio::join!(engine.wait(&spec.name), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.abort();
    });
    let last = attached.output.recv().await.expect("the lost stream is an item");
    let asked = engine.inspect(&spec.name).await;
    real.remove(&spec.name).await.unwrap();
    for error in [waited.unwrap_err(), last.unwrap_err(), asked.unwrap_err()] {
        assert!(matches!(error, EngineError::Gone { .. }), "{error:?}");
    }
}

pub async fn an_image_is_built_from_a_context(kind: EngineKind) {
    let engine = engine(kind).await;
    let tag = format!("hotcell-test-{}:latest", std::process::id());
    let mut context = tar::Builder::new(Vec::new());
    let dockerfile = b"FROM scratch\nCOPY Dockerfile /Dockerfile\nWORKDIR /sandbox\n";
    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    context.append_data(&mut header, "Dockerfile", &dockerfile[..]).unwrap();
    let _store = STORE.lock().await;
    let (sender, mut progress) = tokio::sync::mpsc::channel(100);
    engine.build_image(context.into_inner().unwrap(), &tag, sender).await.unwrap();
    let mut lines = Vec::new();
    while let Some(line) = progress.recv().await {
        lines.push(line);
    }
    assert!(lines.iter().any(|line| line.contains("COPY Dockerfile")), "{lines:?}");
    let built = engine.images().await.unwrap().into_iter().find(|image| image.reference.ends_with(&tag));
    let built = built.expect("the image is listed");
    assert!(built.size.0 > 0);
    let to = if kind == EngineKind::Docker { "--host" } else { "--url" };
    let removed = Command::new(kind.name()).args([to, &address(kind), "rmi", &built.reference]).output().unwrap();
    assert!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));

    let (sender, _) = tokio::sync::mpsc::channel(1);
    let error = engine.build_image(b"not a tar".to_vec(), &tag, sender).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("build image {tag}: ")), "{error}");
}
