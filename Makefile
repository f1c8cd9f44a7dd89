# SPDX-License-Identifier: MIT
#
# make              the program, at build/azilr
# make install      into DESTDIR and PREFIX
# make check        every test (installs what they need; so does scripts/check)
# make demo         a recovery point mounted and taken down in a virtual machine (scripts/demo)
# make lint         formatting, static analysis, layering
# make unit native  tests that need no virtual machine
# make bench        azilr beside the alternatives, and on a slow link (tests/bench); PART=relay measures one part
# make faults       every fault at every point (tests/faults; hours)
# make fuzz         the parsers' fuzz targets, FUZZ_SECONDS each (needs clang)
#
# BUILD=dir puts everything elsewhere; SANITIZE=address,undefined builds with sanitizers; WERROR=1 turns warnings into
# errors.

PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
# udev reads rules from fixed places only, whatever PREFIX is
UDEVRULESDIR ?= /usr/lib/udev/rules.d
SYSUSERSDIR ?= /usr/lib/sysusers.d

BUILD ?= build
CC ?= cc
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 20
PKG_CONFIG ?= pkg-config
INSTALL ?= install

VERSION := 0.1.0

LIBS := libcurl libcjson mount blkid libudev openssl
ifneq ($(filter-out clean distclean lint format,$(or $(MAKECMDGOALS),all)),)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS))
PKG_LDLIBS := $(shell $(PKG_CONFIG) --libs $(LIBS))
endif

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
ifdef WERROR
WARNINGS += -Werror
endif
ifdef SANITIZE
HARDENING := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDENING_LD := -fsanitize=$(SANITIZE)
else
HARDENING := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
HARDENING_LD := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed
ifeq ($(shell uname -m),x86_64)
HARDENING += -fcf-protection
endif
endif

ALL_CPPFLAGS := -Isrc -I$(BUILD)/generated -D_GNU_SOURCE -DAZILR_VERSION='"$(VERSION)"' $(CPPFLAGS)
ALL_CFLAGS := -std=gnu17 $(WARNINGS) $(HARDENING) -pthread $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pthread $(HARDENING_LD) $(LDFLAGS)

SOURCES := $(wildcard src/*/*.c)
SOURCES := $(filter-out src/fuzz/%,$(SOURCES))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libazilr.a
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
NATIVE_PROGRAMS := $(patsubst tests/native/%.c,$(BUILD)/tests/native/%,$(wildcard tests/native/*_driver.c))
NATIVE_COMMON := $(BUILD)/tests/native/print.o $(BUILD)/tests/native/frame.o
UDEV_RULES := udev/09-azilr-stacked.rules udev/56-azilr.rules
GENERATED := $(UDEV_RULES:udev/%=$(BUILD)/generated/%.inc)
FUZZERS := $(patsubst src/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard src/fuzz/*.c))

.PHONY: all install check demo lint format generated unit native native-programs tests faults fuzz bench clean
.DELETE_ON_ERROR:
# Without this the objects of test programs are deleted once linked, and made and linked again by the next make, which
# may come from the lab while tests run them.
.SECONDARY:

all: $(BUILD)/azilr

$(BUILD)/azilr: $(BUILD)/src/main.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LDLIBS) $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The rules travel inside the program too, for hosts where they are not installed; one file is the source of both.
generated: $(GENERATED)
$(BUILD)/src/block/udev_rules.o: $(GENERATED)
$(BUILD)/generated/%.inc: udev/% Makefile
	@mkdir -p $(@D)
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/?/\\?/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@

tests: $(UNIT_TESTS) $(NATIVE_PROGRAMS) $(BUILD)/tests/faults/azilr
native-programs: $(NATIVE_PROGRAMS) $(BUILD)/tests/faults/azilr

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LDLIBS) $(LDLIBS) -lcmocka

# a clock that a test can put forward
$(BUILD)/tests/unit/test_azure_credential: ALL_LDFLAGS += -Wl,--wrap=clock_monotonic_ms
# other programs that a test can be in place of
$(BUILD)/tests/unit/test_volume_md_read: ALL_LDFLAGS += -Wl,--wrap=run
$(BUILD)/tests/unit/test_cmd_stack_partitions: ALL_LDFLAGS += -Wl,--wrap=dm_create,--wrap=session_save

$(BUILD)/tests/native/%: $(BUILD)/tests/native/%.o $(NATIVE_COMMON) $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LDLIBS) $(LDLIBS)

PART ?= relay command growth lab

BENCH_PROGRAMS := $(BUILD)/tests/bench/load $(BUILD)/tests/bench/portal

$(BENCH_PROGRAMS): %: %.o
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto

bench: all $(BENCH_PROGRAMS)
	scripts/deps bench $(if $(filter growth command,$(PART)),test) $(if $(filter lab,$(PART)),lab)
	tests/bench/run --build $(BUILD) $(PART)

# The program's own objects, linked so that each call that changes the host goes through tests/faults.
FAULT_OBJECTS := $(patsubst tests/faults/%.c,$(BUILD)/tests/faults/%.o,$(wildcard tests/faults/*.c))
FAULT_WRAPS := $(shell sed -n 's/^WRAP.[^,]*, \([a-z0-9_]*\),.*/-Wl,--wrap=\1/p' tests/faults/wraps.h)

$(BUILD)/tests/faults/azilr: $(BUILD)/src/main.o $(FAULT_OBJECTS) $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) $(FAULT_WRAPS) -o $@ $^ $(PKG_LDLIBS) $(LDLIBS)

faults: all
	tests/faults/run-all

-include $(FAULT_OBJECTS:.o=.d) $(BENCH_PROGRAMS:=.d)

unit: $(UNIT_TESTS)
	tests/run-unit $(BUILD)

native: all tests
	tests/run-native $(BUILD)

# Every source is compiled a second time, with coverage and sanitizers, for all fuzzers together.
fuzz: $(FUZZERS)
	tests/run-fuzz $(BUILD) $(FUZZ_SECONDS)

FUZZ_FLAGS := -std=gnu17 -O1 -g -pthread $(PKG_CFLAGS) -fno-sanitize-recover=all
FUZZ_LIBRARY := $(BUILD)/fuzz/libazilr.a
FUZZ_OBJECTS := $(SOURCES:%.c=$(BUILD)/fuzz/%.o)

$(FUZZ_LIBRARY): $(FUZZ_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/fuzz/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(FUZZ_CC) $(ALL_CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/src/block/udev_rules.o: $(GENERATED)

$(BUILD)/fuzz/%: $(BUILD)/fuzz/src/fuzz/%.o $(FUZZ_LIBRARY)
	$(FUZZ_CC) -pthread -fsanitize=fuzzer,address,undefined -o $@ $^ $(PKG_LDLIBS)

check:
	scripts/check

demo:
	scripts/demo

lint:
	tests/lint

format:
	clang-format -i $(wildcard src/*.c src/*/*.[ch] tests/*/*.[ch])

install: all
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(UDEVRULESDIR) \
		$(DESTDIR)$(SYSUSERSDIR)
	$(INSTALL) -m 0755 $(BUILD)/azilr $(DESTDIR)$(SBINDIR)/azilr
	$(INSTALL) -m 0644 src/man/azilr.8 $(DESTDIR)$(MANDIR)/man8/azilr.8
	$(INSTALL) -m 0644 src/man/azilr.conf.5 $(DESTDIR)$(MANDIR)/man5/azilr.conf.5
	$(INSTALL) -m 0644 $(UDEV_RULES) $(DESTDIR)$(UDEVRULESDIR)
	$(INSTALL) -m 0644 src/systemd/azilr.sysusers $(DESTDIR)$(SYSUSERSDIR)/azilr.conf

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(FUZZ_OBJECTS:.o=.d) $(FUZZERS:$(BUILD)/fuzz/%=$(BUILD)/fuzz/src/fuzz/%.d) $(BUILD)/src/main.d $(UNIT_TESTS:=.d) $(NATIVE_PROGRAMS:=.d) $(NATIVE_COMMON:.o=.d)
