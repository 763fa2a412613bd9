# SPDX-License-Identifier: GPL-2.0-or-later
#
# A thin cover over meson and the scripts: "make help" lists what it can do.

PREFIX ?= /usr/local
prefix ?= $(PREFIX)
SECONDS ?= 60
REPEAT ?= 1
ACCEL ?= tcg kvm
export REPEAT

# The scripts take it from the environment; their default is the same.
ifdef BUILD_DIR
override BUILD_DIR := $(abspath $(BUILD_DIR))
export BUILD_DIR
endif
build := $(or $(BUILD_DIR),$(CURDIR)/build)
meson := /usr/bin/meson
# One build at a time; a second make waits for the first.
locked := scripts/locked $(build)/.lock
ninja := $(locked) scripts/progress build ninja -C $(build)
export DESTDIR

# The targets that need the emulator; each gets the build's packages first.
.PHONY: all help deps setup features source build demo shell check check-unit \
	check-qtest check-guest check-nested check-libvirt check-upstream check-deb \
	check-sanitized deb install clean distclean \
	coverage patch-stat stress fuzz fuzz-corpus mutate soak bench-evtchn bench-slots bench-timer bench-pv \
	check-lint check-debian12 check-debian13 docs

all: build

help:
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1 /p' Makefile | \
	while read -r name text; do printf '  %-16s%s\n' "$$name" "$$text"; done
	@echo 'Variables:'
	@echo '  QEMU_SRC=DIR    build from this QEMU tree; kept until QEMU_SRC= resets it'
	@echo '  QEMU_SERIES=10.2   build this series of QEMU (10.0): docs/porting.rst; kept, too'
	@echo '  BUILD_DIR=DIR   the folder for all that is built and downloaded (build)'
	@echo '  MINIMAL=1       build without VNC, TLS and other features; kept until MINIMAL=0'
	@echo '  PREFIX=DIR      where "make install" puts it (/usr/local); DESTDIR too'
	@echo '  SUITES="unit qtest"   what "make coverage" runs (also guest, nested), and'
	@echo '                  "make check-debian13" in place of its own (also libvirt)'
	@echo '  LIBVIRT=SUITE   the Debian whose libvirt "make check-libvirt" runs; QUICK=1:'
	@echo '                  a part of the domains; NESTED=1: on nested KVM'
	@echo '  PARTS="unit qtest"    what "make check-sanitized" runs (also guest, threads)'
	@echo '  SANITIZED=1     with it, "make check" runs check-sanitized, too, with OURS=1'
	@echo '  OURS=1          with it, instrument only our files of QEMU, which is faster'
	@echo '  REPEAT=N        how often "make check-unit" and "make check-qtest" run (1)'
	@echo '  ACCEL=tcg       where "make bench-pv" measures ("tcg kvm"); QUICK=1: shorter'
	@echo '  SECONDS=N       how long "make fuzz" and "make stress" run (60)'
	@echo '  HOURS=N         how long "make soak" runs (2)'
	@echo '  NUMBER=N        how many changes "make mutate" tries (200); SEED=N: which (1)'
	@echo '  TARGETS="grant state"   what "make fuzz" runs; the default is all'

# Packages: "make deps" brings all groups of scripts/packages.txt, a target's
# own prerequisite only those that it needs.
deps: ## install everything that any target needs
	@scripts/deps $$(sed -n 's/^\([a-z]*\):.*/\1/p' scripts/packages.txt | sort -u)

.PHONY: FORCE
deps-%: FORCE
	@scripts/deps $*

setup: deps-build
	@mkdir -p $(build)
	@if [ ! -f $(build)/build.ninja ]; then \
		$(locked) $(meson) setup $(build) --prefix=$(prefix) \
			>$(build)/setup.log 2>&1 || \
		{ tail -n 5 $(build)/setup.log; exit 1; }; \
	fi
ifneq ($(origin QEMU_SRC),undefined)
	@QEMU_SRC=$(QEMU_SRC) $(if $(QEMU_SRC),scripts/qemu-pristine,:) >/dev/null
	@$(locked) $(meson) configure $(build) \
		-Dqemu_src=$(if $(QEMU_SRC),$(abspath $(QEMU_SRC)))
endif
ifneq ($(origin QEMU_SERIES),undefined)
	@$(if $(QEMU_SRC),:,QEMU_SERIES=$(QEMU_SERIES) scripts/qemu-pristine >/dev/null)
	@$(locked) $(meson) configure $(build) -Dqemu_series=$(QEMU_SERIES)
endif
ifneq ($(origin MINIMAL),undefined)
	@$(locked) $(meson) configure $(build) \
		-Dminimal=$(if $(filter-out 0,$(MINIMAL)),true,false)
endif

# The libraries of the full build.
features: setup
	@[ "$$(scripts/build-option minimal)" = true ] || scripts/deps features

# QEMU's source.  What the scripts say goes to standard error; Ninja's words
# about it are of no use to a reader and go to a file.
source: setup
	@$(locked) ninja -C $(build) --quiet qemu-src.h >$(build)/source.log || \
		{ grep ERROR $(build)/source.log; exit 1; }

build: features source ## build build/qemu-system-x86_64 (the default)
	@$(ninja)

demo: deps-guest build ## boot a Debian kernel as a Xen guest and report
	@tests/guest/run demo

shell: deps-guest build ## the demo's guest with an interactive console
	@tests/guest/run shell

suites := lint unit qtest upstream package libvirt guest nested

check: deps-lint deps-guest deps-deb deps-libvirt build ## every test suite; ends with the counts
	@scripts/run-suites $(suites) $(if $(SANITIZED),sanitized)

check-lint: deps-lint source ## the linters: checkpatch, shellcheck, flake8, sphinx -W
	@scripts/run-suites lint

check-unit: source ## the tests that need no QEMU
	@$(ninja) unit
	@scripts/run-suites unit

check-qtest: build ## the emulation in virtual time, without a guest
	@scripts/run-suites qtest

check-guest: deps-guest build ## Debian's kernels as guests on TCG
	@scripts/run-suites guest

check-nested: deps-guest build ## the same on real KVM, inside an emulated machine
	@scripts/run-suites nested

check-libvirt: deps-guest deps-libvirt build ## domains through their lives under a libvirtd of their own
	@tests/libvirt/run $(if $(LIBVIRT),--libvirt $(LIBVIRT)) \
		$(if $(QUICK),--quick) $(if $(NESTED),--nested)

check-deb: deps-deb deps-guest build ## what "make deb" builds, tested without being installed
	@scripts/run-suites package

check-upstream: build ## QEMU's own x86_64 qtests, all that pass without us
	@tests/upstream/run all

check-sanitized: deps-guest features source ## unit tests, qtests, guests with ASan, UBSan and TSan
	@tests/sanitized/run $(if $(OURS),--ours) $(PARTS)

# What both check on a minimal system in build/root-SUITE.
minimal = make --no-print-directory $(if $(SUITES),$(addprefix check-,$(SUITES)), \
	demo check-unit check-qtest) $(if $(QUICK),QUICK=1)

check-debian12: deps-root source ## demo, unit and qtest on a minimal Debian 12, or SUITES
	@scripts/debian-root bookworm $(minimal)

check-debian13: deps-root source ## the same on a minimal Debian 13, with its compiler
	@scripts/debian-root trixie $(minimal)

coverage: deps-coverage deps-guest features source ## which of our lines and branches the tests run
	@scripts/coverage $(SUITES)

stress: source ## the engine against many threads, for SECONDS
	@$(ninja) unit
	@tests/stress/run $(SECONDS)
	@tests/spin/run long

TARGETS ?= evtchn xenstore blk net console hypercall overlay grant unplug state

fuzz: deps-fuzz build ## hostile guests against parts of the emulation, SECONDS each
	@set -e; for target in $(TARGETS); do \
		tests/fuzz/run $(SECONDS) $$target; \
	done

fuzz-system: features source ## hostile guests with all PV devices, SECONDS (60) in all, from SEED on
	@XEN_HOSTILE_SECONDS=$(or $(SECONDS),60) \
		$(if $(SEED),XEN_HOSTILE_SEED=$(SEED)) tests/sanitized/run --ours system

fuzz-corpus: ## add what "make fuzz" has found and counted to tests/fuzz
	@tests/fuzz/corpus merge

soak: deps-guest build ## busy guests for HOURS (2); their QEMUs' memory has to stay flat
	@tests/guest/run soak --hours $(or $(HOURS),2)

mutate: deps-mutate features source ## which of NUMBER (200) changes to our C no test notices
	@tests/mutation/run --number $(or $(NUMBER),200) --seed $(or $(SEED),1)

bench-evtchn: source ## nanoseconds per send, unmask and allocation
	@$(ninja) tests/bench/bench-evtchn
	@tests/bench/run evtchn

bench-slots: source ## memory-slot lookup and iteration
	@$(ninja) tests/bench/bench-slots
	@tests/bench/run slots

bench-timer: deps-guest deps-bench build ## how late a guest's sleeps end, and upstream's
	@upstream=$$(scripts/build-upstream) && \
		tests/guest/run bench-timer --upstream $$upstream

bench-pv: deps-guest deps-bench build ## PV disk and network beside virtio's and upstream's (QUICK=1, ACCEL=tcg)
	@set -e; upstream=$$(scripts/build-upstream); \
	for accel in $(ACCEL); do \
		tests/guest/run bench-pv --accel $$accel --upstream $$upstream \
			$(if $(QUICK),--quick); \
	done

bench-page: deps-guest build ## hypercalls by port, beside in-kernel ones and TCG, in instructions
	@tests/guest/run bench-page

docs: deps-docs ## the documentation as HTML, in build/docs
	@sphinx-build -q -b html docs $(build)/docs

install: build ## install to PREFIX, below DESTDIR
	@MESON_INSTALL_DESTDIR_PREFIX='$(DESTDIR)$(abspath $(prefix))' \
		scripts/install-qemu $(build)/qemu-system-x86_64

deb: deps-deb build ## a package for the Debian that runs here, in build/deb
	@scripts/build-deb

patch-stat: ## how many of QEMU's lines the patches touch
	@scripts/patch-stat

clean: ## remove everything built; downloads stay
	@if [ -d $(build) ]; then \
		find $(build) -mindepth 1 -maxdepth 1 \
			! -name cache ! -name apt -exec rm -rf {} +; \
	fi

distclean: ## remove downloads too
	@rm -rf $(build)
