/* Checkpoints and a sink that stages files: barriers, acknowledgements, publishing, commits, restarts.

   What is modelled: core/checkpoint/coordinator.c and core/cluster/keeper.c (one checkpoint under way, one helper thread for what
   waits for disks), core/checkpoint/store*.c (publishing, LATEST, rewinding), core/task/checkpoint.c (cuts at barriers) and
   connectors/file/commit*.c (prepared files, the record, both kinds of output). A source reads rows 1 to ROWS, a channel, a sink.

   The disk is there twice: as a process sees it (v), and what of it outlasts a loss of power whatever happens (d). In between it
   may have either, each fact by itself: that is every permitted order of writes. A kill keeps v. Both are possible between any two steps.

   Sizes: ROWS, KILLS (of the process, with power or without), FAILS (of tasks: restarted in the process), ERRORS (checkpoints given up,
   steps of publishing and of commits that fail), EXTRA (checkpoints that nothing forces). APPEND: one output file that rows are
   appended to; else a file is renamed.

   Safeguards; each is 1, and 0 takes it away. tests/models/run shows that without it this fails.  */
#ifndef ROWS
#define ROWS 2
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef FAILS
#define FAILS 1
#endif
#ifndef ERRORS
#define ERRORS 1
#endif
#ifndef EXTRA
#define EXTRA 1
#endif
#ifndef APPEND
#define APPEND 0
#endif

#ifndef CUT_AT_BARRIER /* the position is that of the barrier, not of when it is written */
#define CUT_AT_BARRIER 1
#endif
#ifndef BARRIER_IN_LINE /* the barrier stays behind the rows in front of it */
#define BARRIER_IN_LINE 1
#endif
#ifndef ALL_ACKNOWLEDGE /* published when all tasks have acknowledged, not the first */
#define ALL_ACKNOWLEDGE 1
#endif
#ifndef PREPARE /* the sink gives its file to the checkpoint before the barrier counts */
#define PREPARE 1
#endif
#ifndef NAME_UNCOMMITTED /* a checkpoint names all files that are not known to be committed, not its own alone */
#define NAME_UNCOMMITTED 1
#endif
#ifndef STAGED_SYNC /* of a prepared file, before it is acknowledged */
#define STAGED_SYNC 1
#endif
#ifndef DATA_SYNC /* of a task's data file, before it is acknowledged */
#define DATA_SYNC 1
#endif
#ifndef MANIFEST_SYNC /* and of the folder, before it is renamed */
#define MANIFEST_SYNC 1
#endif
#ifndef FOLDER_SYNC /* of the parent, before LATEST names it */
#define FOLDER_SYNC 1
#endif
#ifndef LATEST_SYNC /* of the folder that LATEST was renamed in, before sinks commit */
#define LATEST_SYNC 1
#endif
#ifndef PUBLISH_FIRST /* sinks commit what is durable, not what is acknowledged */
#define PUBLISH_FIRST 1
#endif
#ifndef RECORD /* written before anything of a commit is visible */
#define RECORD 1
#endif
#ifndef RECORD_SYNC
#define RECORD_SYNC 1
#endif
#ifndef REFUSE_OLDER /* a checkpoint older than the record */
#define REFUSE_OLDER 1
#endif
#ifndef REFUSE_BEFORE_REWIND /* sinks are asked before newer checkpoints are removed */
#define REFUSE_BEFORE_REWIND 1
#endif
#ifndef REWIND_LATEST /* LATEST is written again before anything follows from it */
#define REWIND_LATEST 1
#endif
#ifndef REWIND_SYNC /* of the parent before that: without a LATEST the folder may not outlast what is to name it */
#define REWIND_SYNC 1
#endif
#ifndef REWIND_REMOVES /* what is newer than the checkpoint that the job goes back to */
#define REWIND_REMOVES 1
#endif
#ifndef COMMIT_AT_RESTORE
#define COMMIT_AT_RESTORE 1
#endif
#ifndef COMMIT_BEFORE_CLEAN /* hidden files are removed after those that the checkpoint names have their names */
#define COMMIT_BEFORE_CLEAN 1
#endif
#ifndef DONE_IS_FINE /* a file that has its name already is no error */
#define DONE_IS_FINE 1
#endif
#ifndef TRUNCATE /* of what an append that was cut short left, to the length in the record */
#define TRUNCATE 1
#endif
#ifndef APPEND_SYNC /* of the rows, before the record says that they are there */
#define APPEND_SYNC 1
#endif
#ifndef RECORD_DONE /* that the append is complete, before the staged files go */
#define RECORD_DONE 1
#endif
#ifndef SKIP_DONE /* what the record says is in the file is not appended again */
#define SKIP_DONE 1
#endif
/* Three that each suffice against a late acknowledgement of an earlier attempt. */
#ifndef NEW_MAILBOX
#define NEW_MAILBOX 1
#endif
#ifndef NEW_NUMBERS
#define NEW_NUMBERS 1
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 1
#endif
#ifndef REACH /* > 0: claims that a state is never reached, which must turn out wrong */
#define REACH 0
#endif

#define N (1 + EXTRA + KILLS + FAILS + ERRORS + 1) /* numbers of checkpoints, 1 to N - 1 */
#define FILES (ROWS + 2)
#define bit(i) (1 << (i))
#define reached(n) assert(REACH != n)

/* --- the disk --- */
#define NONE 0
#define TEMPORARY 1
#define FINAL 2
#define GONE 0
#define STAGED 1
#define NAMED 2
byte folder_v[N], folder_d[N]; /* chk-n */
byte data_safe[N];             /* by task: its data file is synced */
bool manifest_safe[N];
bool damaged[N];
byte position[N]; /* rows the source had read */
byte names[N];    /* the files that the sink's part names */
byte latest_v, latest_d;

byte file_v[FILES], file_d[FILES]; /* GONE, STAGED, NAMED */
byte rows[FILES];                  /* what is in it */
byte made_for[FILES];                    /* checkpoint that it was prepared for */
bool file_safe[FILES], cut_short[FILES];
byte begun_v, begun_d, done_v, done_d; /* the record */
byte from_v, from_d;                   /* APPEND: rows in the file before the commit */
byte out_v, out_d;                     /* rows that readers see; a set, as nothing may be there twice */

/* --- the process --- */
#define DOWN 0
#define STARTING 1
#define RUNNING 2
byte life, attempt;
byte next;           /* number of the next checkpoint */
byte latest;         /* the store's */
byte chosen, step;   /* STARTING: from which, and how far it is */
bool asked_older;    /* the user has tried an older one */
byte kills, fails, errors, extra;
bool over;

byte read;           /* the source's position */
byte channel[4], queued; /* rows; BARRIER + n */
#define BARRIER 16
byte buffer;         /* rows in the sink's open file */
byte given;          /* prepared files: of the account that commits them */
byte own;            /* those that the sink knows not to be committed */
byte way;            /* the checkpoint under way; 0: none */
bool source_has, sink_has; /* its barrier has passed */
byte written;        /* by task: its data file is */
byte mail[2], mail_attempt[2]; /* acknowledgements under way */
byte told;           /* by task: acknowledged */
byte work;           /* what the helper does: 0 nothing, 1 to 6 publishing, 10 on committing */
byte committing, committed;
byte copied;         /* APPEND: rows of the file that is being appended */

/* --- */
byte i, f, r;

inline forget_run() {
  read = 0; queued = 0; buffer = 0; given = 0; own = 0; way = 0; source_has = 0; sink_has = 0; written = 0; told = 0; work = 0;
  committing = 0; committed = 0; copied = 0; chosen = 0; step = 0;
  i = 0; do :: i < 4 -> channel[i] = 0; i++ :: else -> break od; i = 0 }

inline drop_mail() { mail[0] = 0; mail[1] = 0; mail_attempt[0] = 0; mail_attempt[1] = 0 }

inline remove_folder(n) {
  folder_v[n] = NONE; folder_d[n] = NONE; data_safe[n] = 0; manifest_safe[n] = 0; damaged[n] = 0; position[n] = 0; names[n] = 0 }

inline remove_file(x) {
  file_v[x] = GONE; file_d[x] = GONE; rows[x] = 0; made_for[x] = 0; file_safe[x] = 0; cut_short[x] = 0 }

/* A loss of power: each fact by itself is as it was seen, or as it was last made sure. */
inline lose_power() {
  if :: latest_v != latest_d -> if :: latest_d = latest_v :: latest_v = latest_d fi :: else fi;
  if :: begun_v != begun_d || done_v != done_d || from_v != from_d -> /* one file, replaced by a rename */
        if :: begun_d = begun_v; done_d = done_v; from_d = from_v :: begun_v = begun_d; done_v = done_d; from_v = from_d fi
     :: else fi;
  if :: APPEND && out_v != out_d -> if :: out_d = out_v :: out_v = out_d fi :: else fi; /* else it follows from names */
  i = 1;
  do :: i < N ->
        if :: folder_v[i] == FINAL && folder_d[i] != FINAL -> if :: folder_d[i] = FINAL :: folder_v[i] = TEMPORARY fi :: else fi;
        if :: folder_v[i] == FINAL && (!manifest_safe[i] || data_safe[i] != 3) -> damaged[i] = 1 :: else fi;
        i++
     :: else -> break od;
  i = 0;
  do :: i < FILES ->
        if :: file_v[i] == NAMED && file_d[i] != NAMED -> if :: file_d[i] = NAMED :: file_v[i] = STAGED; out_v = out_v & ~rows[i] fi
           :: else fi;
        if :: file_v[i] != GONE && !file_safe[i] -> cut_short[i] = 1 :: else fi;
        i++
     :: else -> break od;
  if :: !APPEND -> out_d = out_v :: else fi;
  i = 0 }

/* Row by row, as readers see them. */
inline reveal(set, n) {
  assert(!(out_v & (set)));                                    /* none twice */
  assert(latest_d >= n && folder_d[n] == FINAL && !damaged[n] && manifest_safe[n] && data_safe[n] == 3); /* nothing before its time */
  out_v = out_v | (set) }

/* The first file of the account that is of this checkpoint or an earlier one, and is not done. FILES: none. */
inline first_of(set, n) {
  f = 0;
  do :: f < FILES && (!(set & bit(f)) || made_for[f] > n) -> f++ :: else -> break od }

/* One step of a commit of `committing`; `after` when all of it is done. Each can be cut off behind, and begun again. */
#define C_RECORD 10
#define C_NEXT 11
#define C_SYNC 12
#define C_DONE 13
#define C_CLEAN 14
#define C_RECORD_SYNC 15
inline commit_step(at, after) {
  if
  :: at == C_RECORD ->
     if :: RECORD && APPEND && begun_v <= done_v -> from_v = out_v :: else fi;
     if :: RECORD && committing > begun_v -> begun_v = committing :: else fi;
     at = C_RECORD_SYNC
  :: at == C_RECORD_SYNC ->
     if :: RECORD_SYNC -> begun_d = begun_v; from_d = from_v; done_d = done_v :: else fi;
     committed = 0; copied = 0;
     if :: APPEND && TRUNCATE -> out_v = out_v & from_v :: else fi;
     at = C_NEXT
  :: at == C_NEXT && !APPEND ->
     first_of(given & ~committed, committing);
     if :: f == FILES -> at = C_SYNC
        :: else ->
           committed = committed | bit(f);
           if :: file_v[f] == STAGED -> assert(!cut_short[f]); reveal(rows[f], committing); file_v[f] = NAMED
              :: file_v[f] == NAMED -> assert(DONE_IS_FINE); reached(1)
              :: else -> assert(false) /* gone: the job cannot go on */
           fi
     fi
  :: at == C_NEXT && APPEND ->
     first_of(given & ~committed, committing);
     if :: f == FILES -> at = C_SYNC
        :: else ->
           assert(file_v[f] == STAGED && !cut_short[f]);
           r = 0;
           do :: r < ROWS && (!(rows[f] & bit(r)) || (copied & bit(r))) -> r++ :: else -> break od;
           if :: r == ROWS -> committed = committed | bit(f); copied = 0 :: else -> reveal(bit(r), committing); copied = copied | bit(r) fi;
           r = 0
     fi
  :: at == C_SYNC ->
     i = 0;
     do :: i < FILES ->
           if :: file_v[i] == NAMED -> file_d[i] = NAMED :: else fi; i++ :: else -> break od;
     i = 0;
     if :: APPEND && !APPEND_SYNC :: else -> out_d = out_v fi;
     at = (APPEND -> C_DONE : C_CLEAN)
  :: at == C_DONE ->
     if :: RECORD_DONE -> done_v = committing; done_d = done_v; begun_d = begun_v; from_d = from_v :: else fi;
     at = C_CLEAN
  :: at == C_CLEAN ->
     i = 0;
     do :: i < FILES ->
           if :: given & bit(i) && made_for[i] <= committing -> given = given & ~bit(i); own = own & ~bit(i); if :: APPEND -> remove_file(i) :: else fi :: else fi; i++
        :: else -> break od;
     i = 0; committing = 0; committed = 0;
     at = after
  fi;
  f = 0 }

/* Hidden files that nobody knows. */
inline clean() {
  i = 0;
  do :: i < FILES -> if :: file_v[i] == STAGED -> remove_file(i) :: else fi; i++ :: else -> break od;
  i = 0 }

inline begin_run() {
  read = position[chosen]; next = next; life = RUNNING; step = 0; latest = chosen; chosen = 0 }

inline give_up(n) { remove_folder(n); way = 0; source_has = 0; sink_has = 0; written = 0; told = 0; work = 0 }

/* --- a start: the folder is opened, the checkpoint chosen, sinks asked, newer ones removed, sinks go on, tasks begin --- */
inline start_step() {
  if
  :: step == 0 -> /* opened: what attempts have left goes */
     i = 1; next = 1;
     do :: i < N ->
           if :: folder_v[i] == TEMPORARY -> remove_folder(i) :: else fi;
           if :: folder_v[i] == FINAL -> next = i + 1 :: else fi;
           i++
        :: else -> break od;
     i = 0;
     if :: latest_v >= next -> next = latest_v + 1 :: else fi;
     chosen = latest_v;
     if :: chosen == 0 -> i = N - 1; do :: i > 0 && folder_v[i] != FINAL -> i-- :: else -> break od; chosen = i; i = 0 :: else fi;
     if
     :: true
     :: !asked_older && chosen > 1 -> /* the user names an older one that is there */
        f = chosen - 1; do :: f > 0 && (folder_v[f] != FINAL || damaged[f]) -> f-- :: else -> break od;
        if :: f > 0 -> asked_older = 1; chosen = f :: else fi; f = 0
     fi;
     assert(chosen == 0 || (folder_v[chosen] == FINAL && !damaged[chosen])); /* else there is nothing to go on with */
     step = 1
  :: step == 1 ->
     if :: REFUSE_OLDER && REFUSE_BEFORE_REWIND && begun_v > chosen ->
           reached(2); assert(chosen < latest_v); chosen = 0; step = 0; life = DOWN /* the user is told; the newest is not refused */
        :: else -> step = 2 fi
  :: step == 2 -> if :: REWIND_SYNC -> folder_d[chosen] = folder_v[chosen] :: else fi; step = 3
  :: step == 3 -> if :: REWIND_LATEST -> latest_v = chosen; step = 7 :: else -> step = 4 fi
  :: step == 7 -> latest_d = latest_v; folder_d[chosen] = folder_v[chosen]; step = 4
  :: step == 4 ->
     i = chosen + 1;
     do :: i < N ->
           if :: folder_v[i] == FINAL -> reached(3); if :: REWIND_REMOVES -> remove_folder(i) :: else fi :: else fi; i++
        :: else -> break od;
     i = 0;
     if :: REFUSE_OLDER && begun_v > chosen -> assert(latest_v > chosen); chosen = 0; step = 0; life = DOWN
        :: else -> step = 5 fi
  :: step == 5 ->
     given = names[chosen]; own = given;
     if :: !COMMIT_BEFORE_CLEAN -> clean() :: else fi;
     if :: APPEND && SKIP_DONE ->
           i = 0; do :: i < FILES -> if :: given & bit(i) && made_for[i] <= done_v -> given = given & ~bit(i); own = own & ~bit(i) :: else fi; i++ :: else -> break od; i = 0
        :: else fi;
     first_of(given, chosen);
     if :: chosen > 0 && f < FILES && COMMIT_AT_RESTORE -> f = 0; committing = chosen; step = C_RECORD :: else -> f = 0; step = 6 fi
  :: step >= C_RECORD -> commit_step(step, 6)
  :: step == 6 -> clean(); begin_run()
  fi }

/* --- what a helper thread does for the keeper --- */
inline fail_publishing() { /* before LATEST is touched it is removed, else it stays beside the old one */
  errors++;
  if :: work <= 5 -> remove_folder(way) :: else -> reached(4) fi;
  way = 0; source_has = 0; sink_has = 0; written = 0; told = 0; work = 0 }

inline publish_step() {
  if
  :: work == 1 -> work = 2 /* the manifest is written */
  :: work == 2 -> if :: MANIFEST_SYNC -> manifest_safe[way] = 1 :: else fi; work = 3
  :: work == 3 -> folder_v[way] = FINAL; work = 4
  :: work == 4 -> if :: FOLDER_SYNC -> folder_d[way] = FINAL :: else fi; work = 5
  :: work == 5 -> latest_v = way; work = 6
  :: work == 6 ->
     /* the parent is LATEST's folder, too */
     if :: LATEST_SYNC -> latest_d = latest_v :: else fi;
     latest = way; committing = way; way = 0; source_has = 0; sink_has = 0; written = 0; told = 0;
     if :: PUBLISH_FIRST -> work = C_RECORD :: else -> committing = 0; work = 0 fi
  fi }

/* Older ones go: of two the newer is kept, as three are in truth. MANIFEST goes first, so it is no checkpoint at once. */
inline collect() {
  i = 1; f = 0;
  do :: i < latest -> if :: folder_v[i] == FINAL -> if :: f != 0 -> remove_folder(f) :: else fi; f = i :: else fi; i++ :: else -> break od;
  i = 0; f = 0 }

active proctype engine() {
  do
  /* the world */
  :: atomic { life == DOWN && !over -> life = STARTING; step = 0 }
  :: atomic { life != DOWN && !over && kills < KILLS -> kills++; life = DOWN; attempt = 0; forget_run(); drop_mail(); latest = 0; next = 0;
       if :: true :: true -> lose_power() fi } /* the guard: an else in front of lose_power would stand beside the first option */
  :: atomic { life == RUNNING && !over && fails < FAILS && work == 0 -> /* a task fails: all of them anew, from the store's newest */
       fails++; attempt++; reached(5);
       if :: way > 0 -> remove_folder(way); next = (NEW_NUMBERS -> next : way) :: else fi;
       forget_run(); if :: NEW_MAILBOX -> drop_mail() :: else fi;
       chosen = latest; life = STARTING; step = 2 }

  :: atomic { life == STARTING -> start_step() }

  /* the source */
  :: atomic { life == RUNNING && read < ROWS && queued < 4 -> channel[queued] = read; queued++; read++ }
  :: atomic { life == RUNNING && way > 0 && work == 0 && !source_has && queued < 4 ->
       position[way] = read; source_has = 1;
       if :: BARRIER_IN_LINE || queued == 0 -> channel[queued] = BARRIER + way
          :: else -> channel[queued] = channel[queued - 1]; channel[queued - 1] = BARRIER + way fi;
       queued++ }
  :: atomic { life == RUNNING && way > 0 && source_has && !(written & 1) && mail[0] == 0 && work == 0 -> /* its helper has written */
       if :: !CUT_AT_BARRIER -> position[way] = read :: else fi;
       if :: DATA_SYNC -> data_safe[way] = data_safe[way] | 1 :: else fi;
       written = written | 1; mail[0] = way; mail_attempt[0] = attempt }

  /* the sink */
  :: atomic { life == RUNNING && queued > 0 && channel[0] < BARRIER -> buffer = buffer | bit(channel[0]);
       i = 0; queued--; do :: i < queued -> channel[i] = channel[i + 1]; i++ :: else -> break od; channel[queued] = 0; i = 0 }
  :: atomic { life == RUNNING && queued > 0 && channel[0] >= BARRIER ->
       r = channel[0] - BARRIER;
       i = 0; queued--; do :: i < queued -> channel[i] = channel[i + 1]; i++ :: else -> break od; channel[queued] = 0; i = 0;
       if :: r == way && PREPARE -> /* else it was given up: its rows belong to the next one */
             if :: buffer != 0 ->
                   f = 0; do :: file_v[f] != GONE -> f++; assert(f < FILES) :: else -> break od;
                   file_v[f] = STAGED; rows[f] = buffer; made_for[f] = r; buffer = 0;
                   if :: STAGED_SYNC -> file_safe[f] = 1; file_d[f] = STAGED :: else fi;
                   given = given | bit(f); own = own | bit(f);
                   names[r] = (NAME_UNCOMMITTED -> own : bit(f)); f = 0
                :: else -> names[r] = (NAME_UNCOMMITTED -> own : 0) fi
          :: else fi;
       if :: r == way -> sink_has = 1 :: else fi; r = 0 }
  :: atomic { life == RUNNING && way > 0 && sink_has && !(written & 2) && mail[1] == 0 && work == 0 ->
       if :: DATA_SYNC -> data_safe[way] = data_safe[way] | 2 :: else fi;
       written = written | 2; mail[1] = way; mail_attempt[1] = attempt }

  /* the keeper */
  :: atomic { life == RUNNING && !over && way == 0 && work == 0 && next < N && (extra < EXTRA || (read == ROWS && queued == 0)) ->
       if :: read == ROWS && queued == 0 :: else -> extra++ fi;
       way = next; next++; folder_v[way] = TEMPORARY }
  :: atomic { life == RUNNING && mail[0] > 0 -> /* an acknowledgement of the source */
       if :: mail[0] == way && work == 0 && (!ATTEMPTS || mail_attempt[0] == attempt) ->
             if :: mail_attempt[0] != attempt -> reached(6); data_safe[way] = data_safe[way] | 1 :: else fi;
             told = told | 1
          :: else fi;
       mail[0] = 0; mail_attempt[0] = 0 }
  :: atomic { life == RUNNING && mail[1] > 0 ->
       if :: mail[1] == way && work == 0 && (!ATTEMPTS || mail_attempt[1] == attempt) ->
             if :: mail_attempt[1] != attempt -> data_safe[way] = data_safe[way] | 2 :: else fi;
             told = told | 2
          :: else fi;
       mail[1] = 0; mail_attempt[1] = 0 }
  :: atomic { life == RUNNING && way > 0 && work == 0 && (told == 3 || (!ALL_ACKNOWLEDGE && told != 0)) ->
       if :: !ALL_ACKNOWLEDGE -> data_safe[way] = 3 :: else fi; /* what of a task is missing is as if it were empty */
       if :: PUBLISH_FIRST -> work = 1 :: else -> committing = way; work = C_RECORD fi }
  :: atomic { life == RUNNING && way > 0 && work == 0 && errors < ERRORS -> errors++; reached(7); give_up(way) }
  :: atomic { life == RUNNING && work > 0 && work < C_RECORD -> publish_step() }
  :: atomic { life == RUNNING && work > 0 && work < C_RECORD && errors < ERRORS -> fail_publishing() }
  :: atomic { life == RUNNING && work >= C_RECORD ->
       commit_step(work, 0);
       if :: work != 0 :: else ->
             if :: !PUBLISH_FIRST -> work = 1 :: else -> collect() fi fi }
  :: atomic { life == RUNNING && work >= C_RECORD && errors < ERRORS && !APPEND -> /* tried again from its beginning */
       errors++; reached(8); work = C_RECORD }

  /* the end: the last checkpoint is committed */
  :: atomic { life == RUNNING && !over && read == ROWS && queued == 0 && buffer == 0 && way == 0 && work == 0 && latest > 0 && position[latest] == ROWS ->
       assert(out_v == bit(ROWS) - 1); /* none lost */
       reached(9); over = 1; life = DOWN; forget_run(); drop_mail() }
  :: atomic { over -> break }
  :: atomic { timeout -> assert(over) } /* it always comes to its end */
  od
}
