# make demo     build hotcell and watch it deny a hostile specimen
# make test     everything: engines, images, format, lints, docs, tests, virtual machine
# make bench    the benchmarks, on private engines
# make picture  the README's pictures, docs/workbench*.svg, from the workbench's own screen
# Each installs what is missing (Debian, by apt).

export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:/usr/sbin:/sbin
VMHOST := $(or $(HOTCELL_VMHOST),$(wildcard ../shared/vm/vmhost.sh))

.PHONY: demo test lint bench picture test-vm

demo:
	scripts/demo.sh

test:
	scripts/setup.sh test
	$(MAKE) lint
	scripts/with-engines.sh cargo test --all-targets
	$(if $(VMHOST),$(MAKE) test-vm,@echo 'No HOTCELL_VMHOST: the layers that this kernel lacks were not tested.')

lint:
	shellcheck scripts/*.sh images/*.sh tests/images/*.sh tests/vm/*.sh
	cargo fmt --all --check
	cargo fmt --manifest-path shim/Cargo.toml --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --manifest-path shim/Cargo.toml --target-dir target/shim -- -D warnings
	cargo clippy --manifest-path shim/Cargo.toml --target-dir target/shim --lib --features host -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items --quiet
	cargo test --doc --quiet

bench:
	scripts/setup.sh test
	scripts/with-engines.sh cargo bench --bench figures

picture:
	scripts/picture.sh

test-vm:
	scripts/test-vm.sh $(VMHOST)
