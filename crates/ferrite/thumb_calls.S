@ memcpy, memmove and memset for callers in Thumb code: what the linker's table has for them, as Thumb code.
@
@ That table (.plt) is ARM code, which Thumb code calls by BLX. xz' filter for Thumb branches knows BL alone: it leaves the distance in
@ each of 15,000 calls of these three, where another function's calls are all alike. build.rs has the linker take these functions in
@ their place.

	.syntax unified
	.arch armv7-a
	.thumb

	.macro through_thumb name
	.section .text.__wrap_\name, "ax", %progbits
	.balign 4
	.thumb_func
	.hidden __wrap_\name
	.global __wrap_\name
	.type __wrap_\name, %function
__wrap_\name:
	ldr.w ip, 1f
0:	add ip, pc
	ldr.w pc, [ip]
	.balign 4
1:	.word __real_\name(GOT_PREL) + (. - 0b - 4)
	.size __wrap_\name, . - __wrap_\name
	.endm

	through_thumb memcpy
	through_thumb memmove
	through_thumb memset

	.section .note.GNU-stack, "", %progbits
