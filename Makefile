# vegad's one door: `make` alone lists what there is. What a target needs is installed by the target itself.

TAGS    := gocv_specific_modules gocv_videoio
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
RUN     := .make/env

# make demo
export SEED   ?=
export CAMERA ?=

# make fuzz: how long each fuzz target runs
FUZZTIME ?= 60s

# make measure: how long, and on which bundle (a name or a folder)
MEASURE_SECONDS ?= 600
BUNDLE          ?= nano

# make faults: how many times its full size; make soak: how long
FAULTS       ?= 1
SOAK_SECONDS ?= 3600

# make bundles and make bench-quant: what conversions are calibrated with
CALIBRATION ?= rooms:64
BENCH_ROOMS ?= 64
ROOMS ?= 100

# make cross, cross-test and deb: what the arm64 program is to run on
export SYSROOT  ?=
export PORTABLE ?=

# make deb: what this machine itself is
DEB_HOST := $(shell dpkg --print-architecture 2>/dev/null)

# make measure-page: how long each phase takes
PAGE_SECONDS ?= 60

# make fleet-sim: sizes of the fleets on mosquitto and on three nodes of NATS, and how long each is measured
FLEETS        ?= 100 1000 5000
NATS_FLEETS   ?= 100 500
FLEET_SECONDS ?= 120

# Debian packages that only the tests need: a foreign MQTT broker and client, systemd's judges of units, a second shell
# and a reader of manual pages, films of real cameras, an RTSP server, and what trains a bundle of toy size.
export TEST_PACKAGES := mosquitto mosquitto-clients systemd zsh mandoc opencv-doc \
	python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly \

# make growth: how long each phase with the running program takes
GROWTH_SECONDS ?= 20

# Debian packages that only the tests need: a foreign MQTT broker and client, films of real cameras, an RTSP server, and
# what trains a bundle of toy size.
export TEST_PACKAGES := mosquitto mosquitto-clients opencv-doc python3-gi gir1.2-gst-rtsp-server-1.0 \
	gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly \
	python3-torch libopenblas0-pthread python3-onnx python3-matplotlib

.DEFAULT_GOAL := help
.PHONY: help demo test check lint fmt tidy vet build setup setup-test env train-nano train-nano-on distil-nano \
	controls-nano bundles bench-quant measure stages onnxruntime-gpu gpu-test fuzz vuln sbom reproducible faults soak \
	fleet-sim bare-test browser-test setup-browser measure-page promtool-test cross cross-test deb deb-test growth size clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{gsub(/\$$\$$/, "$$", $$2); printf "  make %-16s %s\n", $$1, $$2}' Makefile

demo: build ## render a room, watch it as a camera, ask six questions over MQTT (SEED=7, CAMERA=/dev/video0)
	@$(RUN) bin/vegad demo $(if $(SEED),--seed "$$SEED") $(if $(CAMERA),--camera "$$CAMERA")

# What setup-test installed must be there: a test that would skip for want of it fails instead.
test: export VEGAD_REQUIRE_RTSP := 1
test: export VEGAD_REQUIRE_MOSQUITTO := 1
test: export VEGAD_REQUIRE_TRAINING := 1
test: export VEGAD_REQUIRE_SYSTEMD := 1
test: export VEGAD_REQUIRE_SHELLS := 1
test: setup-test ## run every test with the race detector
	@$(RUN) go test -run AbortAtExit ./runtime/engine
	@$(RUN) go test -run '^TestUnits$$' -v ./systemd # prints how exposed the units are
	@$(RUN) go test -race -tags '$(TAGS) matprofile' ./camera/gocv/...
	@$(RUN) go test -race -tags '$(TAGS)' ./...

browser-test: export VEGAD_REQUIRE_BROWSER := 1
browser-test: export VEGAD_REQUIRE_MOSQUITTO := 1
browser-test: export VEGAD_SCREENSHOTS := docs/images
browser-test: setup-browser ## use the field tester's page and the fleet's in a real browser, and take its pictures for docs/
	@mkdir -p docs/images
	@$(RUN) go test -count=1 -timeout 20m -run '^TestBrowser(TurnsToAnotherCamera)?$$' -v -tags '$(TAGS)' ./runtime/daemon
	@$(RUN) go test -count=1 -timeout 20m -run '^TestBrowserFleet$$' -v ./runtime/fleet/page

check: setup-test tidy vet lint test ## everything that must hold before a commit

lint: setup ## run the linters and check the formatting
	@.make/golangci run

fmt: setup ## format the Go files
	@.make/golangci fmt

tidy: setup
	@$(RUN) go mod tidy -diff

vet: setup
	@$(RUN) go vet -tags '$(TAGS)' ./...

build: setup ## build bin/vegad and bin/roomgen
	@$(RUN) .make/compile '$(TAGS)' '$(VERSION)'

setup: ## install what building needs: compiler, OpenCV, Go, ONNX Runtime
	@.make/setup build

setup-test:
	@.make/setup test

setup-browser: setup
	@TEST_PACKAGES='mosquitto chromium fonts-dejavu-core' .make/setup browser

env: setup ## print the settings for go commands typed by hand: eval "$$(make env)"
	@$(RUN)

train-nano: build ## train the nano bundle on this machine's CPU (an hour or more)
	@.make/train bundle nano --stages fuse,export

# What the longer trainings of nano go on from.
LONGER := --begin ../build/train-nano/fuse.pt --steps 2800

train-nano-on: build ## go on with nano for another cycle (after make train-nano; three quarters of an hour)
	@.make/train bundle nano --stages fuse,export --work ../build/train-nano-on $(LONGER)

distil-nano: build ## the same, beside a teacher that is trained first, on pictures alone (after make train-nano; two hours)
	@.make/train bundle nano --stages teacher,probe,fuse,export --work ../build/distil-nano $(LONGER)

controls-nano: build ## train and measure the other ways to fuse, three seeds each (after make train-nano-on; two hours)
	@.make/train bundle nano --stages fuse,controls --work ../build/train-nano-on $(LONGER)
	@$(RUN) .make/train variants --work ../build/train-nano-on --rooms 500

stages: build ## measure each stage and hold it against what was measured on a machine of this kind
	@$(RUN) bin/vegad bench --compare runtime/bench/baselines

measure: build ## hold latency, memory, start and skipped frames against their bounds (MEASURE_SECONDS=600)
	@$(RUN) go test -count=1 -run 'IsFast$$' -v ./runtime/query
	@VEGAD_MEASURE='$(MEASURE_SECONDS)' VEGAD_BUNDLE='$(BUNDLE)' $(RUN) \
		go test -count=1 -timeout 0 -run '^TestMeasure$$' -v -tags '$(TAGS)' ./runtime/daemon

measure-page: build ## hold what open pages cost against their bounds (PAGE_SECONDS=60 a phase)
	@VEGAD_MEASURE_PAGE='$(PAGE_SECONDS)' VEGAD_BUNDLE='$(BUNDLE)' $(RUN) \
		go test -count=1 -timeout 0 -run '^TestMeasurePage$$' -v -tags '$(TAGS)' ./runtime/daemon

growth: build ## hold that no cost grows faster than linearly, and draw it for docs/performance.md (GROWTH_SECONDS=20 a phase)
	@VEGAD_GROWTH='$(GROWTH_SECONDS)' VEGAD_BUNDLE='$(BUNDLE)' $(RUN) \
		go test -count=1 -timeout 0 -run '^TestGrowth$$' -v -tags '$(TAGS)' ./runtime/daemon
	@mkdir -p docs/images && cp build/results/growth-*.png build/results/growth-*.svg docs/images/

size: setup ## hold the size of the stripped program against its bound
	@.make/size '$(TAGS)'

bundles: build ## convert the bundle BUNDLE (nano) to fp16 and int8, in place, and measure it (CALIBRATION=rooms:64 ROOMS=100)
	@mkdir -p build/results
	@$(RUN) bin/vegad quantize --bundle '$(BUNDLE)' --calibration '$(CALIBRATION)' --eval '$(ROOMS)' --report build/results/bundles.html

bench-quant: build ## hold int8 conversion against onnxruntime.quantization (BENCH_ROOMS=64 samples each)
	@.make/bench-quant '$(TAGS)' '$(BUNDLE)' '$(BENCH_ROOMS)'

.PHONY: bench bench-short
BENCH_RUNS ?= 7

bench: build ## hold vegad against the same job in Python and in C++ (BENCH_RUNS=7 turns, eight minutes)
	@.make/bench '$(TAGS)' '$(BUNDLE)' '$(BENCH_RUNS)'

bench-short: build ## the same with three short turns: a minute and a half
	@.make/bench '$(TAGS)' '$(BUNDLE)' 3 short

onnxruntime-gpu: ## fetch the ONNX Runtime with CUDA and TensorRT providers for tests on x86-64 (500 MB)
	@.make/onnxruntime-gpu

gpu-test: setup ## run BUNDLE (nano) on the GPU providers of this machine; without a GPU it says skipped
	@.make/gpu-test '$(BUNDLE)'

fuzz: setup ## run every fuzz target for FUZZTIME each (60s)
	@.make/fuzz '$(TAGS)' '$(FUZZTIME)'

bare-test: ## run make demo, twice, and make test in a fresh Debian 12 where nothing is installed (root; half an hour)
	@.make/bare-test

vuln: setup ## look for known vulnerabilities in what the program reaches (VULNDB=file:///copy without the internet)
	@VULNDB='$(VULNDB)' VULN_OFFLINE='$(VULN_OFFLINE)' .make/vuln '$(TAGS)'

sbom: build ## write what the programs are made of into bin/*.spdx.json
	@for program in vegad roomgen; do bin/vegad version --sbom bin/$$program >bin/$$program.spdx.json || exit 1; done
	@ls -l bin/*.spdx.json

reproducible: setup ## build twice in different folders, with caches of their own, and compare the digests
	@.make/reproducible '$(TAGS)' '$(VERSION)'

faults: export VEGAD_REQUIRE_MOSQUITTO := 1
faults: setup-test ## break delivery in every way and hold the account of both ends (FAULTS=1 times the full size)
	@VEGAD_FAULTS='$(FAULTS)' .make/nats go test -count=1 -timeout 0 -v ./runtime/faults

soak: export VEGAD_REQUIRE_MOSQUITTO := 1
soak: setup-test build ## run the daemon while things fail; goroutines, files and memory stay flat (SOAK_SECONDS=3600)
	@VEGAD_SOAK='$(SOAK_SECONDS)' VEGAD_BUNDLE='$(BUNDLE)' $(RUN) \
		go test -count=1 -timeout 0 -run '^TestSoak$$' -v -tags '$(TAGS)' ./runtime/daemon

fleet-sim: export VEGAD_REQUIRE_MOSQUITTO := 1
fleet-sim: setup-test ## measure what fleets cost brokers, and who simulates and watches them (FLEETS="100 1000 5000")
	@$(RUN) go test -count=1 -run TenThousand -bench 'Take|Snapshot' -v ./runtime/fleet
	@$(RUN) go test -count=1 -run '^$$' -bench FleetPicture -tags '$(TAGS)' ./cmd/vegad
	@VEGAD_FLEET_SIM='$(FLEETS)' VEGAD_FLEET_CLUSTER='$(NATS_FLEETS)' VEGAD_FLEET_SECONDS='$(FLEET_SECONDS)' .make/nats \
		go test -count=1 -timeout 0 -run '^TestFleetSim$$' -v ./runtime/fleet/sim

promtool-test: ## check the alert rules of docs/alerts with promtool, and run their tests
	@.make/promtool

cross: ## build bin/arm64/vegad on another processor (PORTABLE=1 for any JetPack, SYSROOT=root of a Jetson for one)
	@cross/compile '$(TAGS)' '$(VERSION)'

cross-test: cross setup ## test the arm64 program under qemu, from film to answers; check its symbols against JetPacks
	@$(RUN) cross/test '$(TAGS)'

deb: build $(if $(filter amd64,$(DEB_HOST)),cross) ## pack vegad for Debian on this machine and on arm64 into build/deb
	@$(foreach arch,$(sort $(DEB_HOST) arm64),.make/deb $(arch) '$(VERSION)' &&) true

deb-test: deb ## install, upgrade, remove and purge the package in a throw-away root (needs root)
	@.make/deb-test

clean: ## remove the programs; what was fetched stays in build/
	@rm -rf bin
