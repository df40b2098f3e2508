# Builds, runs and checks Nought. `make help` lists the targets and variables.
#
# Nothing here runs a compiler, or any other tool that `make deps` installs, while this file is read.

# Several goals run one after the other, each in a make of its own: so `make deps run` and `make clean all` mean what
# they say, with -j too, and what a goal installs is there for the next one.
ifneq ($(word 2,$(MAKECMDGOALS)),)

.PHONY: goals $(sort $(MAKECMDGOALS))
$(sort $(MAKECMDGOALS)): goals
	@:
goals:
	+@for goal in $(MAKECMDGOALS); do $(MAKE) --no-print-directory $$goal || exit; done

else

MEM ?= 4G
SMP ?= 1
BOOT ?= efi
ACCEL ?= tcg
CMDLINE ?=
SCRIPT ?=
QEMUFLAGS ?=
BALLOON ?= y
BALLOONDEV ?= free-page-reporting=on
EXITDEV ?= y
FWCFG ?= y
TIMEOUT ?=
V ?=
O ?= build
DEBUG ?= 0
ZERO ?= y
REPORT ?= y
ifeq ($(origin CC),default)
CC = gcc
endif
export MEM SMP BOOT ACCEL CMDLINE SCRIPT QEMUFLAGS BALLOON BALLOONDEV EXITDEV FWCFG TIMEOUT V O

one_of = $(if $(filter 1,$(words $(2))),$(filter $(1),$(2)))

ifeq ($(filter clang% gcc%,$(notdir $(CC))),)
$(error CC is '$(CC)'; it can be gcc or clang)
endif
ifeq ($(call one_of,0 1,$(DEBUG)),)
$(error DEBUG is '$(DEBUG)'; it can be 0 or 1)
endif
ifeq ($(call one_of,y n,$(ZERO)),)
$(error ZERO is '$(ZERO)'; it can be y or n)
endif
ifeq ($(call one_of,y n,$(REPORT)),)
$(error REPORT is '$(REPORT)'; it can be y or n)
endif
ifeq ($(call one_of,y n,$(BALLOON)),)
$(error BALLOON is '$(BALLOON)'; it can be y or n, the options of the device are BALLOONDEV)
endif
ifeq ($(call one_of,efi pvh,$(BOOT)),)
$(error BOOT is '$(BOOT)'; it can be efi or pvh)
endif
ifneq ($(words $(O)),1)
$(error O is '$(O)'; it must be one directory, without spaces in its name)
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
# As many jobs as there are processors, unless somebody has said how many: on the command line, which counts anyway, or
# in the environment, as a make above does that shares its jobs with this one. MAKEFLAGS as make shows it while it
# reads this file has only letters, so the environment's is looked at: words such as -j4, kj and --jobs=4.
MAKEFLAGS += $(shell echo "$${MAKEFLAGS%% -- *}" | grep -Eq '(^ *|(^| )-)[A-Za-z]*j[0-9]*( |$$)|(^| )--jobs' || \
	echo "-j$$(nproc 2>/dev/null || echo 1)")

PYTHON := /usr/bin/python3
NEWLIB := $(O)/newlib
OBJ := $(O)/obj
loud := $(filter-out 0,$(V))
Q = $(if $(loud),,@)
say = $(if $(loud),,@echo "  $(1)	$(2)")
is_clang := $(filter clang%,$(notdir $(CC)))

# --- Sources: what a directory holds is compiled -----------------------------------------------------------------

KERNEL_C := $(wildcard arch/x86_64/*.c arch/x86_64/port/*.c kernel/*.c kernel/*/*.c boot/pvh/*.c mm/*.c \
	drivers/*.c drivers/*/*.c lib/*.c tests/unit/*.c tests/guest/*.c tests/bench/guest/*.c)
KERNEL_S := $(wildcard arch/x86_64/*.S boot/pvh/*.S)
BOOT_C := $(wildcard boot/*.c)

# What the host's test program is made of: what needs no machine, by folders.
HOST_PARTS := $(wildcard mm/*.c lib/*.c drivers/*.c drivers/*/*.c kernel/shell/*.c kernel/firmware/*.c boot/pvh/*.c) \
	$(filter-out boot/loader.c,$(BOOT_C))
UNIT_C := $(wildcard tests/host/*.c tests/unit/*.c) $(HOST_PARTS)
BENCH_C := $(wildcard tests/bench/native/*.c mm/*.c lib/*.c)
# Fuzz targets are a file each, linked with the same parts.
FUZZ_TARGETS := $(patsubst tests/fuzz/target_%.c,%,$(wildcard tests/fuzz/target_*.c))
FUZZ_C := $(filter-out tests/fuzz/target_%,$(wildcard tests/fuzz/*.c)) $(HOST_PARTS) \
	$(addprefix tests/unit/,fixture.c model.c model_ops.c model_sink.c) \
	$(addprefix tests/host/,host.c host_mmio.c virtio_device.c balloon_rig.c)

# What is in the kernel when nothing is switched off.
KERNEL_C_WHOLE := $(KERNEL_C)

# A feature that is switched off takes all files with it that include its header.
switched_off := $(if $(filter n,$(ZERO)),mm/zero.h) $(if $(filter n,$(REPORT)),mm/report.h) \
	$(if $(filter n,$(BALLOON)),drivers/virtio/balloon.h)
ifneq ($(strip $(switched_off)),)
left_out := $(shell scripts/without $(switched_off) -- $(sort $(KERNEL_C) $(UNIT_C) $(BENCH_C) $(FUZZ_C) \
	$(FUZZ_TARGETS:%=tests/fuzz/target_%.c)))
ifneq ($(.SHELLSTATUS),0)
$(error scripts/without failed)
endif
KERNEL_C := $(filter-out $(left_out),$(KERNEL_C))
UNIT_C := $(filter-out $(left_out),$(UNIT_C))
BENCH_C := $(filter-out $(left_out),$(BENCH_C))
FUZZ_C := $(filter-out $(left_out),$(FUZZ_C))
FUZZ_TARGETS := $(filter-out $(left_out:tests/fuzz/target_%.c=%),$(FUZZ_TARGETS))
endif
SWITCHES := $(if $(filter n,$(ZERO)),-DMM_ZERO=0)

KERNEL_O := $(KERNEL_C:%.c=$(OBJ)/kernel/%.o) $(KERNEL_S:%.S=$(OBJ)/kernel/%.o)
BOOT_O := $(BOOT_C:%.c=$(OBJ)/boot/%.o) $(OBJ)/boot/boot/enter.o
LIAR_O := $(OBJ)/boot/tests/boot/firmware/liar.o
UNIT_O := $(UNIT_C:%.c=$(OBJ)/unit/%.o)
BENCH_O := $(BENCH_C:%.c=$(OBJ)/bench/%.o) $(OBJ)/bench/arch/x86_64/movntdq.o
COV_O := $(UNIT_C:%.c=$(OBJ)/cov0/%.o) $(UNIT_C:%.c=$(OBJ)/cov1/%.o)
FUZZ_O := $(FUZZ_C:%.c=$(OBJ)/fuzz/%.o)

C_FILES := $(wildcard $(addsuffix /*.[ch],$(shell find arch boot drivers kernel lib mm tests -type d 2>/dev/null)))

# --- Flags -------------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Werror
# Conversions that lose bits are looked at where frame numbers and a device's bytes are computed with.
warnings_of = $(WARNINGS) $(if $(filter mm/% drivers/%,$(1)),-Wconversion)

# The compiler's own headers (stdint.h, stdarg.h ...): asked for when the first file is compiled, and only once.
cc_include = $(eval cc_include := $$(shell $(CC) -print-file-name=include))$(cc_include)

KERNEL_ARCH := $(if $(is_clang),--target=x86_64-none-elf) -ffreestanding -fno-pic -fno-pie -mcmodel=kernel \
	-mno-red-zone -fcf-protection=none -g
KERNEL_CPP = -nostdinc -isystem $(cc_include) -isystem $(NEWLIB)/include -I. -Iarch/x86_64 -DDEBUG=$(DEBUG) \
	$(SWITCHES) -MMD -MP
KERNEL_CFLAGS = -std=gnu11 -O2 $(KERNEL_ARCH) -mgeneral-regs-only -fstack-protector-strong \
	-mstack-protector-guard=global -fno-strict-aliasing -fno-common -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections $(KERNEL_CPP) \
	-include kernel/base/no_float.h
KERNEL_LDFLAGS := -nostdlib -static --gc-sections -z max-page-size=4096 -z noexecstack --build-id=none \
	--no-warn-rwx-segments -T linker.ld

BOOT_CFLAGS := -std=gnu11 -O2 -g -I. -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -fpic -fshort-wchar \
	-fno-stack-protector -ffreestanding -mno-red-zone -mno-sse -fno-strict-aliasing -fcf-protection=none \
	$(if $(is_clang),--target=x86_64-none-elf,-maccumulate-outgoing-args) -DGNU_EFI_USE_MS_ABI -MMD -MP

HOST_CPP := -I. -Itests/host -DDEBUG=1 $(SWITCHES) -MMD -MP
# The host's C library has no integer-only output; its own does the same job there.
UNIT_CFLAGS := -std=gnu11 -O1 -g -Dsniprintf=snprintf -Diprintf=printf -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(HOST_CPP)
# For coverage: branches as they are written, so nothing is optimised or inlined. gcov is gcc's.
COV_CFLAGS := -std=gnu11 -O0 -g -Dsniprintf=snprintf -Diprintf=printf -Dalways_inline=unused -I. -Itests/host \
	$(SWITCHES) -MMD -MP
cov_of = $(if $(filter mm/% drivers/%,$(1)),--coverage)
# For the instruction set that the kernel is built for, so that what is learnt holds there too.
BENCH_CFLAGS := -std=gnu11 -O2 -g -I. -Itests/host -DDEBUG=0 $(SWITCHES) -MMD -MP
# Fuzzing is clang's, whatever CC is. As the kernel is built otherwise: DEBUG=0 has paths that unit tests don't take.
FUZZ_CC := $(if $(is_clang),$(CC),clang)
FUZZ_CFLAGS := -std=gnu11 -O1 -g -Dsniprintf=snprintf -Diprintf=printf -fno-omit-frame-pointer \
	-I. -Itests/host -DDEBUG=0 $(SWITCHES) -MMD -MP
# The judges are not under test themselves, and want to be fast.
FUZZ_JUDGES := mm/check.c mm/states.c tests/unit/model.c
SANITIZERS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# What compares no bytes of the input with others gains nothing from telling the fuzzer what it compares, half its time.
FUZZ_PLAIN := -O2 -fno-sanitize-coverage=trace-cmp
fuzz_of = $(if $(filter $(FUZZ_JUDGES),$(1)),-O2,$(SANITIZERS) $(if $(filter mm/% tests/%,$(1)),$(FUZZ_PLAIN)))

# --- Targets -----------------------------------------------------------------------------------------------------

.PHONY: all deps run debug check test bench cov fuzz fuzz-corpus fuzz-programs mutants format clean help FORCE
FORCE:

all: $(O)/kernel.elf $(O)/BOOTX64.EFI $(O)/esp.img

help:
	@cat scripts/help.txt

deps:
	@scripts/deps

# What comparing with Linux takes, which nothing else needs.
deps-linux: deps
	@scripts/deps scripts/packages-linux.txt

# By PVH the kernel is all it takes.
BOOTABLE := $(if $(filter pvh,$(BOOT)),$(O)/kernel.elf,all)

run: $(BOOTABLE)
	@scripts/run || [ $$? = 130 ] # left by the user

debug: $(BOOTABLE)
	@GDB=1 scripts/run || [ $$? = 130 ]

check: $(O)/host/unit $(filter-out $(OBJ)/kernel/tests/%,$(KERNEL_O))
	@scripts/check $(O) $(C_FILES) -- $(KERNEL_C_WHOLE)

test: all $(O)/host/unit $(O)/tests/liar.efi
	@scripts/test $(O)

# Beside what the switches say, a kernel and a native bench without zeroing and reporting: the baseline.
bench: all $(O)/host/bench
	@$(MAKE) --no-print-directory O=$(O)/none NEWLIB=$(NEWLIB) ZERO=n REPORT=n all
	@$(MAKE) --no-print-directory O=$(O)/none NEWLIB=$(NEWLIB) ZERO=n REPORT=n $(O)/none/host/bench
	@scripts/bench

cov: $(OBJ)/cov0/unit $(OBJ)/cov1/unit
	@scripts/cov $(O)

fuzz:
	+@scripts/fuzz $(O)

fuzz-corpus:
	+@scripts/fuzz $(O) --corpus

mutants:
	+@scripts/mutants $(O)

.PHONY: counts counts-update
counts: all $(O)/host/bench
	@scripts/counts

counts-update: all $(O)/host/bench
	@scripts/counts --update

# Debian's Linux kernel, as a guest that does the same work. First, so that what is missing is all that is said.
.PHONY: deps-linux linux bench-linux picture
linux:
	$(Q)scripts/linux $(O)/linux

bench-linux picture: linux
	+@$(MAKE) --no-print-directory all
	@scripts/$@

.PHONY: console-doc session
console-doc: all
	@scripts/console-doc

session: all
	@scripts/session

format:
	$(Q)clang-format -i $(C_FILES)

clean:
	$(Q)rm -rf $(O)

# --- The kernel --------------------------------------------------------------------------------------------------

$(NEWLIB)/lib/libc.a: scripts/newlib scripts/kcc
	$(call say,NEWLIB,$(NEWLIB) (once; about a minute))
	$(Q)NOUGHT_V=$(loud) scripts/newlib $(NEWLIB)

# Files that hold a line of text, and are written only when it changes: what depends on one is made again then. Objects
# depend on the compiler and its flags (the rest of which this file holds), programs on which objects they are made of.
remember = @mkdir -p $(OBJ); echo '$(1)' | cmp -s - $@ || echo '$(1)' >$@

$(OBJ)/flags: FORCE
	$(call remember,$(CC) DEBUG=$(DEBUG) $(SWITCHES) NEWLIB=$(NEWLIB))

$(OBJ)/parts: FORCE
	$(call remember,$(KERNEL_O) $(BOOT_O) $(UNIT_O) $(BENCH_O) $(COV_O) $(FUZZ_O))

$(OBJ)/kernel/%.o: %.c $(OBJ)/flags Makefile | $(NEWLIB)/lib/libc.a
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) $(call warnings_of,$<) -c $< -o $@

$(OBJ)/kernel/%.o: %.S $(OBJ)/flags Makefile | $(NEWLIB)/lib/libc.a
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_ARCH) $(KERNEL_CPP) -Wa,--noexecstack -c $< -o $@

# Linked twice: the second time with the table of function names that the first one's symbols make.
$(OBJ)/symbols0.S: scripts/symbols Makefile
	@mkdir -p $(@D)
	$(Q)scripts/symbols </dev/null >$@

$(OBJ)/symbols1.S: $(OBJ)/kernel0.elf scripts/symbols
	$(Q)nm -n $< | scripts/symbols >$@

$(OBJ)/symbols%.o: $(OBJ)/symbols%.S
	$(Q)as $< -o $@

link_kernel = ld $(KERNEL_LDFLAGS) $(KERNEL_O) $(1) $(NEWLIB)/lib/libc.a -o $(2)

$(OBJ)/kernel0.elf: $(OBJ)/parts $(KERNEL_O) $(OBJ)/symbols0.o linker.ld $(NEWLIB)/lib/libc.a
	$(Q)$(call link_kernel,$(OBJ)/symbols0.o,$@)

# kernel.debug has everything for gdb; kernel.elf, without the debug information, is what boots.
$(O)/kernel.debug: $(OBJ)/kernel0.elf $(OBJ)/symbols1.o scripts/check-kernel scripts/vector-functions.txt
	$(call say,LD,$@)
	$(Q)$(call link_kernel,$(OBJ)/symbols1.o,$@)
	$(Q)scripts/check-kernel $@ $(OBJ)/symbols1.S

$(O)/kernel.elf: $(O)/kernel.debug
	$(Q)objcopy --strip-debug $< $@

# --- The loader and the boot image -------------------------------------------------------------------------------

$(OBJ)/boot/%.o: %.c $(OBJ)/flags Makefile
	$(call say,CC,$< (EFI))
	@mkdir -p $(@D)
	$(Q)$(CC) $(BOOT_CFLAGS) $(WARNINGS) -c $< -o $@

$(OBJ)/boot/%.o: %.S $(OBJ)/flags Makefile
	$(call say,AS,$< (EFI))
	@mkdir -p $(@D)
	$(Q)$(CC) $(BOOT_CFLAGS) -c $< -o $@

link_efi = ld -nostdlib -znocombreloc -shared -Bsymbolic --no-undefined -z noexecstack --no-warn-rwx-segments \
	-T /usr/lib/elf_x86_64_efi.lds /usr/lib/crt0-efi-x86_64.o $(1) -o $@ -L/usr/lib -lgnuefi -lefi

$(OBJ)/loader.so: $(BOOT_O) $(OBJ)/parts
	$(Q)$(call link_efi,$(BOOT_O))

# A firmware that lies, for tests/boot: it is started instead of the loader, and starts that. Not in any image of ours.
$(OBJ)/liar.so: $(LIAR_O)
	$(Q)$(call link_efi,$(LIAR_O))

$(O)/BOOTX64.EFI: $(OBJ)/loader.so
$(O)/tests/liar.efi: $(OBJ)/liar.so
$(O)/BOOTX64.EFI $(O)/tests/liar.efi:
	$(call say,EFI,$@)
	@mkdir -p $(@D)
	$(Q)objcopy -j .text -j .sdata -j .data -j .rodata -j .dynamic -j .dynsym -j .rel -j .rela -j '.rel.*' \
		-j '.rela.*' -j .reloc --target efi-app-x86_64 --subsystem=10 $< $@

$(O)/esp.img: $(O)/BOOTX64.EFI $(O)/kernel.elf scripts/image
	$(call say,IMAGE,$@)
	$(Q)scripts/image $@ $(O)/BOOTX64.EFI $(O)/kernel.elf

# --- On the host: unit tests with sanitizers, native benchmarks --------------------------------------------------

$(OBJ)/unit/%.o: %.c $(OBJ)/flags Makefile
	$(call say,CC,$< (host))
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_CFLAGS) $(call warnings_of,$<) -c $< -o $@

$(O)/host/unit: $(UNIT_O) $(OBJ)/parts
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=address,undefined $(UNIT_O) -lcmocka -o $@

# The same tests to see how much of mm/ they run, with and without DEBUG's checks.
$(OBJ)/cov0/%.o: %.c $(OBJ)/flags Makefile
	$(call say,COV,$<)
	@mkdir -p $(@D)
	$(Q)gcc $(COV_CFLAGS) -DDEBUG=0 $(call cov_of,$<) -c $< -o $@

$(OBJ)/cov1/%.o: %.c $(OBJ)/flags Makefile
	$(call say,COV,$< (DEBUG))
	@mkdir -p $(@D)
	$(Q)gcc $(COV_CFLAGS) -DDEBUG=1 $(call cov_of,$<) -c $< -o $@

$(OBJ)/cov0/unit $(OBJ)/cov1/unit: $(COV_O) $(OBJ)/parts
	$(call say,LD,$@)
	$(Q)gcc --coverage $(filter $(@D)/%,$(COV_O)) -lcmocka -o $@

$(OBJ)/bench/%.o: %.c $(OBJ)/flags Makefile
	$(call say,CC,$< (bench))
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) $(call warnings_of,$<) -c $< -o $@

$(OBJ)/bench/%.o: %.S $(OBJ)/flags Makefile
	$(call say,AS,$< (bench))
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $@

$(O)/host/bench: $(BENCH_O) $(OBJ)/parts
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_O) -o $@

# --- Fuzzing -----------------------------------------------------------------------------------------------------

$(OBJ)/fuzz/%.o: %.c $(OBJ)/flags Makefile
	$(call say,CC,$< (fuzz))
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(call fuzz_of,$<) $(call warnings_of,$<) -c $< -o $@

# What was built with a feature goes when the feature does, or it would be run on.
fuzz-programs: $(FUZZ_TARGETS:%=$(O)/fuzz/%)
	@rm -f $(patsubst tests/fuzz/target_%.c,$(O)/fuzz/%,$(filter tests/fuzz/target_%,$(left_out)))

$(FUZZ_TARGETS:%=$(O)/fuzz/%): $(O)/fuzz/%: $(OBJ)/fuzz/tests/fuzz/target_%.o $(FUZZ_O) $(OBJ)/parts
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $< $(FUZZ_O) -o $@

-include $(KERNEL_O:.o=.d) $(BOOT_O:.o=.d) $(LIAR_O:.o=.d) $(UNIT_O:.o=.d) $(BENCH_O:.o=.d) $(COV_O:.o=.d)
-include $(FUZZ_O:.o=.d) $(FUZZ_TARGETS:%=$(OBJ)/fuzz/tests/fuzz/target_%.d)

endif
