// A world once it is built needs nothing of the machine: no file, no thread, no clock.
#pragma once

// From here on this process may ask the system for memory, for what LuaJIT draws when a state is
// made, and write to descriptors that are open; may end; and nothing else. A call beyond that ends
// it with SIGSYS, a look at the processor's clock with SIGSEGV. Under a sanitizer, which asks for
// more, it does nothing. -1: the system cannot.
int sim_seal(void);
