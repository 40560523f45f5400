// Every bound of the engine, with its reason. A queue, loop or buffer that has no line here has no
// bound.
#pragma once

enum {
    // A batch: large enough that fixed costs vanish (PERFORMANCE: 0.5 ns a row at 256 and above),
    // small enough for L2.
    TM_BATCH_ROWS = 1024,
    TM_BATCH_BYTES = 64 * 1024, // soft: a batch is sent once it holds this much
    // A flat_map may emit many rows for one input row; past this a row's output is an error of that
    // row.
    TM_BATCH_BYTES_MAX = 256 * 1024 * 1024,
    // One row, all columns. Sizes and offsets in a row are 32 bit; a state entry holds a row.
    TM_ROW_BYTES_MAX = 64 * 1024 * 1024,
    TM_FIELDS_MAX = 1024,           // columns of a schema
    TM_TYPE_FIELDS_MAX = 4096,      // of a schema on all its levels: a type's text stays readable
    TM_TYPE_DEPTH_MAX = 32,         // lists in lists in lists: what walks them recurses
    TM_TYPE_TEXT_MAX = 1024 * 1024, // bytes of a type's text
    TM_ANY_DEPTH_MAX = 128,         // arrays in maps in arrays of a value of type any
    TM_NAME_MAX = 255,              // bytes of a column, operator or job name
    TM_DECIMAL_DIGITS = 38,         // as SQL; fits a 128-bit integer
    TM_SPLITS_OPEN = 256,           // files a source subtask reads side by side
    TM_CONNECTIONS = 256, // that a listening source has at once; others wait in the system's queue
    TM_WEBHOOK_IN_FLIGHT = 16, // requests of a subtask under way, each with a thread
    // A request that is refused is sent again in parts, to find the rows that are bad: so often at
    // most, which is more than all of them in the usual hundred. What is still together then is
    // refused together.
    TM_WEBHOOK_PARTS = 1000,
    TM_WEBHOOK_ANSWER_BYTES = 480, // of a refusal, with the url
    TM_RECORD_BYTES = 1024 * 1024, // default max_record
    // What a schema is inferred from: more records seldom show more, and a start is to take
    // milliseconds. Of standard input, what has come this long after its first record.
    TM_SAMPLE_ROWS = 1000,
    TM_SAMPLE_BYTES = 1024 * 1024,
    TM_SAMPLE_FILES = 16,
    TM_SAMPLE_WAIT_MS = 500,
    TM_PARALLELISM_MAX = 1024,
    TM_MAX_PARALLELISM = 32768,     // key groups; SEMANTICS 13
    TM_RING_ELEMENTS = 64,          // slots of a channel; a power of two
    TM_CHANNEL_BYTES = 1024 * 1024, // batches in flight in a channel, unless time bounds it lower
    TM_CHANNEL_TIME_MS = 500,       // a channel holds at most what its consumer takes in this time
    // What a task still puts out past its credit so that a barrier gets through it: what one batch
    // becomes in it, usually a batch. Where it becomes more than this the barrier waits.
    TM_OVERTAKE_BYTES = 16 * 1024 * 1024,
    TM_BATCH_TIMEOUT_MS = 30000,     // an operator that is in one step for longer hangs
    TM_LATENCY_MS = 5,               // a part-filled batch is sent after this
    TM_WINDOW_SLICES_MAX = 10000000, // size / slide, as Flink
    // Windows of a row where each has its own accumulators: a row is one step of the operator.
    TM_WINDOW_CELLS_MAX = 65536,
    // The set of a key's distinct values in a slice, and likewise the bytes of its texts: a growing
    // set is copied, a tenth of a second at this size.
    TM_DISTINCT_BYTES_MAX = 256 * 1024 * 1024,
    TM_QUANTILE_SLOTS_MAX = 512 * 1024, // 4 MiB a key, when it has values in every bucket
    TM_USER_METRICS_MAX = 256, // of a job: each operator and subtask has a slot for every one
    // The list of a key in a slice: its values unless { limit = N } says how many, at most N, and
    // its
    // bytes. The list becomes a value of a row, and a row holds twice as much.
    TM_LIST_VALUES = 100000,
    TM_LIST_VALUES_MAX = 4000000,
    TM_LIST_BYTES_MAX = 32 * 1024 * 1024,
    // List and map state of a key. A value is at most a row; keys of a map are compared and hashed
    // with every access. Entries and changes are counted in 32 bits.
    TM_STATE_COLLECTION_VALUE_BYTES_MAX = TM_ROW_BYTES_MAX,
    TM_STATE_MAP_KEY_BYTES_MAX = 1024 * 1024,
    TM_STATE_COLLECTION_ENTRIES_MAX = 1 << 30,
    TM_NODES_MAX = 4096, // operators in a job
    // What a subtask adds up of its rows before they are exchanged: partial rows at a time and
    // their
    // bytes (they stay in the second-level cache), rows in one of them (no sum overflows), bytes of
    // a row that is kept as its first.
    TM_PREAGGREGATE_ENTRIES = 4096, // a power of two
    TM_PREAGGREGATE_BYTES = 768 * 1024,
    TM_PARTIAL_ROWS = 1023,
    TM_PREAGGREGATE_ROW_BYTES = 1024,
    TM_STATES_MAX = 64, // values that a process keeps of a key: a bit each in one word
    // Timers that a process takes out of the set at once: a pass yields after so many.
    TM_TIMERS_AT_ONCE = 64,
    // Changes of one call to values of varying size and to timers: they are remembered until it
    // has returned.
    TM_CALL_CHANGES_MAX = 1 << 20,
    TM_CALL_CHANGES_BYTES_MAX = 1 << 30, // keys and old values of entries; counted in 32 bits
    TM_CALL_BYTES_KEPT = 1 << 20,        // of the memory for these, beyond the call
    // Entries of maps and lists that the search for what is over looks at behind each block; a list
    // whose values do not expire in order is written anew when it has no more than these.
    TM_SWEEP_VALUES = 2048,
    // Entries that a process looks at behind each block, for values whose time to live is over.
    TM_SWEEP_ENTRIES = 64,
    // Keys of a subtask that are looked at when it is asked what each state takes.
    TM_KEPT_KEYS = 1 << 16,
    // The test kit: rounds of turns of a job that does not come to rest, and rows that a test has
    // not taken.
    TM_KIT_TURNS_MAX = 2000,
    TM_KIT_ROWS_MAX = 10000000,
    // How often a watermark is asked for while no rows come, unless the job says it.
    TM_WATERMARK_INTERVAL_MS = 200,
    TM_WATCH_ROWS = 8192, // keys in a table of run --watch-output; a power of two
    // The heap of a lua_State, unless the job sets lua_memory: what a job keeps in tables grows
    // without end only by mistake, and is to be an error before it is the machine's. Soft: past
    // it code is stopped at its next instruction, and meanwhile gets a quarter more, or the grace.
    TM_LUA_MEMORY_BYTES = 1024 * 1024 * 1024,
    TM_LUA_MEMORY_BYTES_MIN = 16 * 1024 * 1024, // several times what a state without a job takes
    TM_LUA_GRACE_BYTES = 16 * 1024 * 1024,
    // Addresses held back in each state until the machine has no memory: what Lua may take before
    // it is stopped then.
    TM_LUA_RESERVE_BYTES = 16 * 1024 * 1024,
    // Files that grow: how often a source looks for more, and how long one that has gone (renamed,
    // deleted) is looked at after its last bytes: whoever writes it may not know yet.
    TM_FOLLOW_POLL_MS = 100,
    TM_FOLLOW_GONE_MS = 10000,
    // Folders of an output (`partition_by`) in one subtask: with an open file, and in progress; and
    // what all of them may hold before it is written.
    TM_PARTS_OPEN = 64,
    TM_PARTS_MAX = 65536,
    TM_PARTS_BYTES = 16 * 1024 * 1024,
    TM_RANGES_MAX = 65536, // pieces of one file (`split`)
    // State in memory from which the helper thread touches huge pages before they are used, and how
    // many of them: what it takes beyond what is used stays a quarter at most.
    TM_STATE_AHEAD_FROM_BYTES = 8 * 1024 * 1024,
    TM_STATE_AHEAD_PAGES = 2,
    // Regular expressions of job code (core/text): a match that takes longer than a few
    // milliseconds is an error of its record. Long texts get steps in proportion.
    TM_REGEX_STEPS = 1000000,
    TM_REGEX_STEPS_PER_BYTE = 32,
    TM_REGEX_STACK_FIRST_BYTES = 64 * 1024,
    TM_REGEX_STACK_BYTES = 32 * 1024 * 1024, // to go back in; addresses, used by deep matches only
    TM_REGEX_PATTERN_BYTES = 64 * 1024,
    TM_REGEX_MAX = 1000, // at a time: patterns made from records would fill memory
};
