//go:build cgo

package engine

/*
#include <malloc.h>
#include <stdlib.h>

// glibc gives every thread a heap of its own, up to eight a core, and ONNX Runtime's scratch memory stays in each. A
// goroutine calls from whatever thread it is on, so that memory kept growing for as long as new pairs of threads and
// graphs turned up. Two heaps are enough; make measure tells how memory grows. The limit counts only before the second
// thread, which is why this runs before Go does. Other C libraries have no such heaps.
__attribute__((constructor)) static void limit_arenas(void) {
#ifdef M_ARENA_MAX
	if (!getenv("MALLOC_ARENA_MAX")) mallopt(M_ARENA_MAX, 2);
	// Left alone, glibc stops to give large blocks back once the first was freed, and pictures leave holes in the heaps.
	if (!getenv("MALLOC_MMAP_THRESHOLD_")) mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}
*/
import "C"
