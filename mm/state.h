/* The insides of struct mm: for mm/ itself, and for tests that make allocators of their own.
 *
 * Memory is seen at two scales with the same shape, 512 things in 8 words:
 *
 *   struct mm_area   2 MiB, 512 frames   which runs of frames are free, for orders 0 to 8
 *   struct mm_gib    1 GiB, 512 areas    which runs of areas are wholly free, for orders 9 to 18
 *
 * A search for a run says a class: what is known of its contents. Classes 0 to 4 are the states of a free frame: the
 * first four are the bits zero | reported << 1, the fifth is REPORTED with a third bit, fresh. The other two are
 * unions, for blocks that mix states. Each struct keeps, for each class, a ladder (mm/run.h) that answers "the best fit
 * for this order?" without looking at the words; parts keep, for each class and order, which of 64 areas have a run of
 * just that order as the largest; gibs say which of their eight have any, and struct mm which gibs. So a search is five
 * looks: orders, gib, parts, area, word.
 *
 * Locking key
 *   (C) constant after mm_init     (L) mm.lock     (O) owner of the block, no lock     (P) this CPU only
 *   (A) anybody at any time: one word, read and written whole, or atomically where it says so
 */
#pragma once

#include "lib/types.h"
#include "mm/mm.h"
#include "port/mm_port.h"

enum mm_class {
	CLASS_DIRTY,
	CLASS_ZERO,
	CLASS_REPORTED, /* and not known to be zero */
	CLASS_REPORTED_ZERO,
	CLASS_FRESH,	  /* not used since the machine started; whether the host backs it isn't known */
	CLASS_UNREPORTED, /* dirty and zero ones mixed */
	CLASS_ALL,	  /* any mix of states */
	CLASS_COUNT,
	STATE_COUNT = CLASS_UNREPORTED,
	CLASS_MIXED = CLASS_COUNT, /* area.pure only: the words tell */
	GIVE_AS_WAS = CLASS_COUNT, /* of what is given back: each frame is what it was when it was taken */
};

#define AREA_FRAMES 512u
#define AREA_WORDS  8u
#define GIB_AREAS   512u
#define GIB_FRAMES  (AREA_FRAMES * GIB_AREAS)
#define LOW_GIBS    4u /* of 1 GiB, below MM_PFN_4G */

/* Lists of areas and gibs, by what they have to offer. Slots 0 to 18: the largest free run is of this order. Slots from
 * SLOT_COARSE on: the same for orders 0 to 8 of areas that hold an allocated block of 1 MiB; smaller requests look
 * there last, so that large blocks lie together and come free together. From SLOT_MIXED on: the same for areas that are
 * wholly free, but of several states; what takes a run from one breaks it. */
#define SLOT_COARSE (MM_ORDER_MAX + 1)
#define SLOT_MIXED  (SLOT_COARSE + MM_ORDER_AREA)
#define SLOT_COUNT  (SLOT_MIXED + MM_ORDER_AREA)
#define PART_COUNT  (3 * MM_ORDER_AREA) /* slots for areas: fine, coarse, mixed ones */
#define WORD_ORDERS 7u			/* orders 0 to 6 lie within a word */
#define AREA_NONE   (~(uint32_t)0)
#define GIB_NONE    UINT16_MAX
#define MM_GIBS_MAX ((unsigned)(MM_PFN_LIMIT / GIB_FRAMES))

/* 64 frames. zero, reported and area_bits.fresh also outlive an allocation: for an allocated frame they say what it was
 * when it was taken, so that its taker knows what needs zeroing and an undone allocation loses nothing. */
struct mm_word {
	uint64_t free;	   /* (L) */
	uint64_t zero;	   /* (L) free, (O) allocated */
	uint64_t reported; /* (L) free, (O) allocated */
	uint64_t start;	   /* (L) first frame of an allocated block; with isolated set too: no frame of ours */
};

/* The bitmaps of an area whose frames differ; not touched, not even initialised, while an area is uniform. */
struct area_bits {
	struct mm_word word[AREA_WORDS];
	uint64_t isolated[AREA_WORDS]; /* (L) */
	uint64_t fresh[AREA_WORDS]; /* as word.reported; means nothing for frames that aren't reported, or are zero */
	uint64_t unions[CLASS_COUNT - STATE_COUNT]; /* (L) ladders of the unions, while pure is CLASS_MIXED */
} __attribute__((aligned(64)));

enum area_kind {
	AREA_HOLE,     /* no frame of it is ours */
	AREA_MAPPED,   /* area_bits hold its state */
	AREA_FREE,     /* wholly free, every frame of class pure; the bits are stale */
	AREA_HEAD,     /* first area of an allocated block of area.order >= 9 */
	AREA_BODY,     /* a later area of one */
	AREA_CACHED,   /* an allocated block of order 9 in a CPU's hot slot */
	AREA_ISOLATED, /* taken whole into a batch */
};

enum area_flag {
	AREA_CURSOR = 1u << 0, /* and the next bit: order-0 requests are served from here, not to become a whole area */
	AREA_CURSORS = 3u,
	AREA_HOLES = 1u << 2, /* some frames aren't ours */
	AREA_MIB = 1u << 3,   /* and the next bit, a count: allocated blocks of order 8 */
	AREA_MIBS = 3u << 3,
};

/* One cache line; all of it (L), but for kind while the area is a block in a CPU's hot slot. */
struct mm_area {
	uint64_t fit;	   /* how the indexes list it, see index.h */
	uint16_t free;	   /* frames; cached and isolated ones are not free here */
	uint16_t zero;	   /* of the free ones: ZERO */
	uint16_t reported; /* REPORTED and REPORTED+ZERO */
	uint16_t reported_zero;
	uint16_t fresh; /* FRESH */
	uint8_t kind;
	uint8_t pure;  /* the one class of all its free frames, or CLASS_MIXED */
	uint8_t order; /* of an AREA_HEAD */
	uint8_t flags;
	uint64_t ladder[STATE_COUNT]; /* only ladder[pure] is kept up while pure isn't CLASS_MIXED */
};
_Static_assert(sizeof(struct mm_area) == 64, "an area's header is one cache line");
_Static_assert(sizeof(struct mm_word) == 32, "two words to a cache line");

/* 64 areas. */
struct mm_parts {
	uint64_t map[CLASS_COUNT][PART_COUNT]; /* (L) those whose largest run of the class has the slot's order */
};

/* 1 GiB. */
struct mm_gib {
	uint64_t whole[CLASS_COUNT][AREA_WORDS];     /* (L) areas that are wholly free in the class */
	uint64_t ladder[CLASS_COUNT];		     /* (L) of whole */
	uint8_t part_words[CLASS_COUNT][PART_COUNT]; /* (L) which of the 8 words in mm.parts aren't 0 */
	uint8_t largest[CLASS_COUNT];		     /* (L) fit of the ladder: the largest run of whole, 0 none */
	uint8_t fit[CLASS_COUNT];		     /* (L) the same as listed in mm, 0 not listed */
	uint8_t unzeroed;			     /* (L) words of whole with unreported areas that aren't zero */
};

#define HOT_FRAMES  16u
#define LATE_FRAMES 16u
#define NEXT_FRAMES 16u

/* What a CPU keeps for itself, see cache.h. A place that is empty holds 0, which is never a frame of ours. Frames are
 * below MM_PFN_LIMIT and fit 32 bits. */
struct mm_cpu {
	uint32_t hot[HOT_FRAMES];   /* (P) freed last: a ring */
	uint32_t late[LATE_FRAMES]; /* (P) freed, to be given to the buddy together */
	uint32_t next[NEXT_FRAMES]; /* (P) dirty ones taken from the buddy together, to be allocated next */
	uint32_t hot_count;	    /* (P) frames in the ring */
	uint32_t hot_at;	    /* (P) where the next one goes; the newest is the one before */
	uint32_t late_count;	    /* (P) */
	uint32_t next_at;	    /* (P) the first one that is left */
	uint32_t next_end;	    /* (P) */
	uint8_t *kept;		    /* (C) its column of mm.kept, see kept.h */
	pfn_t hot_area;		    /* (P) an allocated order-9 block, or MM_PFN_NONE */
	/* (P) This CPU's share of the counters. */
	uint64_t alloc_calls;
	uint64_t alloc_failed;
	uint64_t alloc_waits; /* allocations that waited for a report's answer */
	uint64_t free_calls;
	uint64_t hot_hits; /* allocations served from the cache without the lock */
	uint64_t hit_frames;
	uint64_t miss_frames;
	uint64_t wasted_frames;
	uint64_t alloc_zero_frames;
	uint64_t alloc_zero_ns;	 /* estimated, see contents.c */
	uint64_t untimed_frames; /* zeroed by allocations since one was timed */
	uint64_t free_zero_frames;
	uint64_t free_zero_ns;
} __attribute__((aligned(64)));

/* A batch of blocks that are isolated, see page_proc.h. */
#define PAGE_BATCH_BLOCKS 64u

struct mm_block {
	uint64_t pfn : 48;
	uint64_t order : 16;
};

/* The block of an order whose first frame is pfn: the one place that knows how many bits either has. */
static inline struct mm_block mm_block_of(pfn_t pfn, unsigned order)
{
	return (struct mm_block){.pfn = pfn & ((1ull << 48) - 1), .order = order & 0xffffu};
}

struct page_batch {
	unsigned count;
	uint64_t frames;
	struct mm_block block[PAGE_BATCH_BLOCKS];
};

struct page_proc;

enum page_hold_state {
	PAGE_HOLD_NONE,	   /* nothing */
	PAGE_HOLD_HELD,	   /* a batch is parked: whoever has the lock may give it back */
	PAGE_HOLD_RUNNING, /* a batch is being worked on, and the CPU's own until it ends that */
};

/* What a CPU has taken away to work on, see page_hold.h. "Owner" is the CPU while RUNNING, else (L). */
struct page_hold {
	enum page_hold_state state;   /* (L) */
	bool abort;		      /* (L) to set, (A) to read: give the batch back at the next frame */
	unsigned next;		      /* owner: block in hand */
	uint32_t ended;		      /* (L) batches that came back, so that a waiter knows that its one did */
	uint64_t done;		      /* owner: frames of that block that are done */
	const struct page_proc *proc; /* (L) whose batch it is */
	struct page_batch batch;      /* owner; what is in it is put in under the lock */
} __attribute__((aligned(64)));

/* How far an engine is ahead of its limit; rate.h has the story. */
struct mm_rate {
	uint64_t mbps;	 /* the limit that due_ns was made under */
	uint64_t due_ns; /* when all that was done is paid for */
};

/* The zeroing processor's state; zero.c has the story. "Owner" is the CPU whose hold has zeroing's batch RUNNING, of
 * which there is one at most. */
struct zero_engine {
	bool filling;		  /* (L) on the way from the low mark to the high one */
	bool now;		  /* (A) */
	bool paused;		  /* (A) */
	bool reported;		  /* owner or (L): reported and fresh frames may be picked */
	bool demanded;		  /* owner or (L): the batch is for mm.demand, not for the marks */
	bool wake_due;		  /* (A) set by interrupts */
	struct mm_rate rate;	  /* owner or (L) */
	uint64_t wanted_since_ns; /* (L) since when there is work; 0: there is none */
	uint64_t idle_frames;	  /* owner */
	uint64_t idle_ns;	  /* owner */
	uint64_t aborts;	  /* (L) */
	uint64_t due_at;	  /* (A) idle_frames when the wake-up became due */
	uint64_t yields[18];	  /* owner */
};

/* How many frames are wanted zero, in free unreported blocks of at least this order. */
struct zero_demand {
	unsigned order;
	uint64_t frames;
};

#define REPORT_SLOTS 4u

struct report_sink;

/* The reporting processor's state; report.c has the story. */
struct report_engine {
	struct report_sink *sink; /* (A) */
	bool busy;		  /* (A) somebody is in here */
	bool paused;		  /* (A) */
	bool stuck;		  /* (A) the last reset wasn't certain: nobody waits for what is in flight */
	bool held_off;		  /* the sink failed us: no batch before next_ns */
	uint64_t held_off_ms;	  /* for how long, and twice as long the next time; 0: all was well last time */
	unsigned state;		  /* enum report_state */
	unsigned look_word;	  /* (L) where the next look for what isn't zeroed begins, see report_pick.c */
	uint64_t next_ns;	  /* when to look again */
	struct mm_rate rate;
	uint64_t now_frames;	  /* (A) how many of report_now's frames are still to go; 0: it is not under way */
	uint64_t demanded_frames; /* by the last demand for zeroing */
	uint64_t in_flight_frames;
	uint64_t frames, requests, errors, timeouts;
	struct report_slot {
		bool in_flight;
		uint32_t generation; /* part of the tag, so that a late answer isn't taken for another's */
		uint64_t since_ns;
		uint64_t now_frames; /* of the engine's: as many less are to go, if this succeeds */
		struct page_batch batch;
	} slot[REPORT_SLOTS];
};

/* The engines come first, and CPUs' caches at the start of the metadata, so that in mm_system, which starts a page,
 * what every operation loads doesn't share its low 12 address bits with what it has just stored in struct mm_cpu: a
 * load that does waits for the store ("4K aliasing", Intel's optimization manual). A pair of calls took twice the time
 * by it. */
struct mm {
	struct zero_engine zero_engine;
	struct report_engine report_engine;

	struct mm_lock lock;
	uint32_t area_count;	  /* (C) */
	uint32_t gib_count;	  /* (C) that have frames of ours */
	uint32_t gib_span;	  /* (C) numbers that gib_index covers */
	uint16_t *gib_index;	  /* (C) by gib number, pfn >> 18: which of the gibs it is, or GIB_NONE */
	uint16_t *gib_number;	  /* (C) the reverse */
	uint32_t gib_low;	  /* (C) how many of the gibs lie below 4 GiB */
	struct mm_area *areas;	  /* (C) */
	struct area_bits *bits;	  /* (C) */
	struct mm_gib *gibs;	  /* (C) */
	struct mm_parts *parts;	  /* (C) for each 64 areas */
	uint64_t *high;		  /* (L) [class][slot][1 + high_words]: which words aren't 0, then gibs above 4 GiB */
	uint32_t high_words;	  /* (C) 0: no memory there, and no rows */
	uint32_t cpu_count;	  /* (C) */
	struct mm_cpu *cpu;	  /* (C) */
	struct page_hold *hold;	  /* (C) for each CPU */
	uint64_t *kept;		  /* (P) [cpus / 8][KEPT_ROWS]: which frames CPUs may keep, see kept.h */
	uint32_t cursor[2];	  /* (L) areas that serve order-0 requests: [0] not zero, [1] zero ones; or AREA_NONE */
	uint32_t cursor_class[2]; /* (L) the one state that they serve */
	uint32_t loose;		  /* (L) an area that isn't listed yet though it has single frames, or AREA_NONE */
	uint64_t orders[2][CLASS_COUNT];      /* (L) [above 4 GiB][class]: slots with a listed run */
	uint8_t low[CLASS_COUNT][SLOT_COUNT]; /* (L) gibs below 4 GiB */

	uint32_t quick_orders; /* (L) orders below it take the first place: WORD_ORDERS; 0 if shuffled or traced */
	bool shuffled;	       /* (L) the choice among equally good places is by chance, see shuffle.h */

	/* Frames. */
	uint64_t managed;	 /* (L) */
	uint64_t free;		 /* (L) without the cached ones */
	uint64_t zero;		 /* (L) */
	uint64_t reported;	 /* (L) */
	uint64_t reported_zero;	 /* (L) */
	uint64_t fresh;		 /* (L) not among the reported ones */
	uint64_t isolated;	 /* (L) */
	uint32_t waiters;	 /* (L) calls that wait for what is isolated, see page_wait.h */
	uint64_t watermark_low;	 /* (C) */
	uint64_t watermark_high; /* (C) */
	bool hot_enabled;	 /* (L) the CPUs' caches are wanted */
	bool hot_open;		 /* (L) and memory isn't short; read without */
	bool pressure;		 /* (L) free fell below the low mark and hasn't reached the high one yet */
	uint64_t metadata_bytes; /* (C) */
	uint64_t pressure_count; /* (L) how often the low watermark was crossed */
	bool stock_hold;	 /* (A) all that is zero stays in stock, whatever the marks say */
	uint64_t retired;	 /* (L) frames that mm_retire took out */
	uint32_t unzeroed_gib;	 /* (L) where the look for what no list names goes on, see unzeroed.h */
	uint64_t shuffle_state;	 /* (L) of its generator, not 0 */
	uint64_t lock_count;	 /* (L) */
	uint64_t lock_since_ns;	 /* (L) 0: this hold isn't timed */
	uint64_t lock_max_ns;	 /* (L) */

	uint64_t unzeroed[MM_GIBS_MAX / 64]; /* (L) gibs whose `unzeroed` isn't 0 */
	struct zero_demand demand;	     /* (L) what is to be zeroed beyond the marks, see marks.h */
};

/* What belongs to the CPU that runs. */
static inline struct mm_cpu *mm_this_cpu(struct mm *mm)
{
	return &mm->cpu[mm_port_cpu()];
}
