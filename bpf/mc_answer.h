/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Answers: what one answer is can be told from the answers alone. The text protocol:
 *
 *   answer := line
 *           | ( "VALUE" key flags bytes [cas] \r\n data \r\n )* "END" \r\n
 *           | ( ("STAT" | "ITEM" | "PREFIX" | "key=" | "mg ") ... \r\n )* ("END" | "RESET" | "EN") \r\n
 *           | "VA" n flag* \r\n data \r\n
 *
 * The binary protocol (protocol_binary.txt, "Response header"): a header of 24 bytes, which has the opcode of its
 * command, and a body. Stat is answered by several, the last one without key and body.
 */
#ifndef BMC_MC_ANSWER_H
#define BMC_MC_ANSWER_H

#include "mc_binary.h"
#include "mc_text.h"

#define MC_BINARY_ANSWER 0x81 /* the first byte of a response */

enum mc_answer_kind {
	MC_ANSWER_NONE, /* not complete */
	MC_ANSWER_PART, /* more of this answer comes */
	MC_ANSWER_ONE, /* the end of an answer */
	MC_ANSWER_META, /* the same; a silent meta command could have sent it */
	MC_ANSWER_DONE, /* HD VA EN OK: the same, but for a silent ms or md, which then says nothing */
	MC_ANSWER_ERROR, /* the same; any silent command could have sent it */
	MC_ANSWER_MN, /* the answer to `mn` */
	MC_ANSWER_REFUSED, /* ERROR Too many open connections: no command's, if it is the first line */
	MC_ANSWER_SILENT, /* none of a command that is counted: binary, of a quiet one; text, an empty line */
	MC_ANSWER_UNREADABLE,
};

struct mc_answer {
	__u32 kind; /* enum mc_answer_kind */
	__u32 used; /* bytes of the line (binary: of the header), its newline included */
	__u64 block; /* bytes that follow it, their \r\n included */
};

BMC_INLINE __u64 mc_answer64(const struct bmc_answer_window *win, __u64 pos)
{
	return bmc_load64(&win->bytes[pos & (BMC_ANSWER_WINDOW - 1)]);
}

/* The first `c` at or after `pos`, or `end`. */
BMC_STEP __u64 mc_answer_find(const struct bmc_answer_window *win, __u32 pos, __u32 end, __u32 c)
{
	__u64 at = pos;

	if (!win)
		return end;
	for (__u32 i = 0; i <= BMC_ANSWER_WINDOW / 8; i++) {
		__u64 marks;

		if (at >= end)
			break;
		marks = bmc_equal_bytes(mc_answer64(win, at), (__u8)c);
		if (marks) {
			at += bmc_first_byte(marks);
			return at < end ? at : end;
		}
		at += 8;
	}
	return end;
}

/* The decimal number at `pos`, which ends at the first byte below 0x21; MC_NO_NUMBER if it is none. */
BMC_STEP __u64 mc_answer_number(const struct bmc_answer_window *win, __u32 pos)
{
	__u64 word, marks, high, low;

	if (!win)
		return MC_NO_NUMBER;
	word = mc_answer64(win, pos);
	marks = bmc_low_bytes(word);
	if (marks)
		return bmc_first_byte(marks) ? mc_digits8(word, bmc_first_byte(marks)) :
					       MC_NO_NUMBER;
	high = mc_digits8(word, 8);
	word = mc_answer64(win, (__u64)pos + 8);
	marks = bmc_low_bytes(word);
	if (high == MC_NO_NUMBER || !marks || bmc_first_byte(marks) > 2)
		return MC_NO_NUMBER;
	if (!bmc_first_byte(marks))
		return high;
	low = mc_digits8(word, bmc_first_byte(marks));
	if (low == MC_NO_NUMBER)
		return MC_NO_NUMBER;
	return high * (bmc_first_byte(marks) == 1 ? 10 : 100) + low;
}

/* The place of the third token behind VALUE, its bytes. */
BMC_INLINE __u64 mc_answer_bytes(const struct bmc_answer_window *win, __u32 pos, __u64 end)
{
	__u64 key_end = mc_answer_find(win, pos + 6, (__u32)end, ' ');
	__u64 flags_end = mc_answer_find(win, (__u32)key_end + 1, (__u32)end, ' ');

	return flags_end < end ? mc_answer_number(win, (__u32)flags_end + 1) : MC_NO_NUMBER;
}

/* Two capitals and the token's end: a meta command's code (HD VA EN NF NS EX ME, early 1.6: OK ST DE). */
BMC_INLINE int mc_answer_is_code(__u64 word)
{
	__u8 one = (__u8)word, two = (__u8)(word >> 8), stop = (__u8)(word >> 16);

	return one >= 'A' && one <= 'Z' && two >= 'A' && two <= 'Z' &&
	       (stop == ' ' || stop == '\r' || stop == '\n');
}

/* What such a code says. */
BMC_INLINE enum mc_answer_kind mc_answer_code(__u64 word)
{
	__u64 code = bmc_keep_bytes(word, 2);

	if (code == MC_WORD2("MN"))
		return MC_ANSWER_MN;
	return code == MC_WORD2("HD") || code == MC_WORD2("VA") || code == MC_WORD2("EN") ||
			       code == MC_WORD2("OK") ?
		       MC_ANSWER_DONE :
		       MC_ANSWER_META;
}

/*
 * The kind of a line by its first bytes, `word` 8 and `more` the next 8. Not for VALUE, and VA has a block.
 * All that is asked for can be told without the line's end.
 */
BMC_INLINE enum mc_answer_kind mc_answer_kind(__u64 word, __u64 more)
{
	__u64 five = bmc_keep_bytes(word, 5);

	if (five == MC_WORD5("STAT ") || five == MC_WORD5("ITEM ") ||
	    bmc_keep_bytes(word, 7) == MC_WORD7("PREFIX ") ||
	    bmc_keep_bytes(word, 4) == MC_WORD4("key=") ||
	    bmc_keep_bytes(word, 3) == MC_WORD3("mg "))
		return MC_ANSWER_PART;
	if ((word & 0xffff) ==
	    MC_WORD2("\r\n")) /* behind the error of a get, of 1.6.45: one line end too many */
		return MC_ANSWER_SILENT;
	if (mc_answer_is_code(word))
		return mc_answer_code(word);
	if (word == MC_WORD8("ERROR To") && bmc_keep_bytes(more, 5) == MC_WORD5("o man"))
		return MC_ANSWER_REFUSED;
	if (five == MC_WORD5("ERROR") || word == MC_WORD8("CLIENT_E") ||
	    word == MC_WORD8("SERVER_E"))
		return MC_ANSWER_ERROR;
	return MC_ANSWER_ONE;
}

/* A line that is longer than what is kept of one: its kind, if nothing behind its first bytes matters; else UNREADABLE. */
BMC_INLINE enum mc_answer_kind mc_answer_long(const struct bmc_answer_window *win, __u32 pos)
{
	__u64 word = mc_answer64(win, pos);

	if (bmc_keep_bytes(word, 6) == MC_WORD6("VALUE ") ||
	    bmc_keep_bytes(word, 3) == MC_WORD3("VA "))
		return MC_ANSWER_UNREADABLE;
	return mc_answer_kind(word, mc_answer64(win, (__u64)pos + 8));
}

/*
 * The answer line at `pos` of a window that is filled up to `end`. Returns 0 with `out` filled; out->kind is
 * MC_ANSWER_NONE while the newline is not there.
 */
BMC_STEP int mc_answer_line(const struct bmc_answer_window *win, __u32 pos, __u32 end,
			    struct mc_answer *out)
{
	__u64 word, at;

	if (!win || !out)
		return -1;
	out->block = 0;
	out->used = 0;
	out->kind = MC_ANSWER_NONE;
	at = mc_answer_find(win, pos, end, '\n');
	if (at >= end)
		return 0;
	out->used = (__u32)at + 1 - pos;
	word = mc_answer64(win, pos);
	if (bmc_keep_bytes(word, 6) == MC_WORD6("VALUE ")) {
		__u64 bytes = mc_answer_bytes(win, pos, at);

		out->kind = bytes == MC_NO_NUMBER ? MC_ANSWER_UNREADABLE : MC_ANSWER_PART;
		out->block = bytes + 2;
		return 0;
	}
	if (bmc_keep_bytes(word, 3) == MC_WORD3("VA ")) {
		__u64 bytes = mc_answer_number(win, pos + 3);

		out->kind = bytes == MC_NO_NUMBER ? MC_ANSWER_UNREADABLE : MC_ANSWER_DONE;
		out->block = bytes + 2;
		return 0;
	}
	out->kind = mc_answer_kind(word, mc_answer64(win, (__u64)pos + 8));
	return 0;
}

#define MC_VALUE_KEY 6 /* where a key is: behind "VALUE " */

/*
 * The answer of a get whose one key was found, at the start of a window that is filled up to `end`:
 *
 *   "VALUE " key " " flags " " bytes "\r\n" data "\r\n" "END\r\n"      bytes of 1 to 7 digits
 *
 * 0: its line begins so, `out` says how long it and the block are; -1: it is mc_answer_line's to read.
 */
BMC_INLINE int mc_answer_value(const struct bmc_answer_window *win, __u32 end,
			       struct mc_answer *out)
{
	const __u8 *start = win->bytes, *key = start + MC_VALUE_KEY;
	__u64 at, word = 0, marks = 0, bytes;
	__u32 len = 0;

	for (__u32 i = 0; i < MC_KEY_WORDS; i++, key += 8) {
		word = bmc_load64(key);
		marks = bmc_low_bytes(word);
		if (marks)
			break;
	}
	if (!marks || !bmc_is_space(word, marks))
		return -1;
	bmc_hide(key); /* the verifier knows no difference of pointers: one way for all lengths */
	at = (__u64)(key - start);
	bmc_hide(at); /* nor one of a number and a pointer */
	at += bmc_first_byte(marks);
	word = mc_answer64(win, at + 1);
	marks = bmc_low_bytes(word);
	if (!bmc_is_space(word, marks))
		return -1;
	at += 1 + bmc_first_byte(marks);
	bytes = mc_word_number(mc_answer64(win, at + 1), &len);
	if (bytes == MC_NO_NUMBER)
		return -1;
	at += 1 + len;
	if ((mc_answer64(win, at) & 0xffff) != MC_WORD2("\r\n") || at + 2 > end)
		return -1;
	out->kind = MC_ANSWER_PART;
	out->used = (__u32)at + 2;
	out->block = bytes + 2;
	return 0;
}

/*
 * Whether a datagram's text that begins with `word` (bytes beyond its end are 0) is an answer that no get can have,
 * text or binary: STORED, NOT_STORED, EXISTS, NOT_FOUND, DELETED, TOUCHED, RESET, VERSION, STAT, a number, a code of two
 * letters; a response of an opcode that is neither a get's nor a quiet one. Errors are not: a get may have them.
 */
BMC_INLINE int mc_answer_is_no_gets(__u64 word)
{
	__u8 first = (__u8)word, opcode = (__u8)(word >> 8);

	if (first == MC_BINARY_ANSWER)
		return opcode != MC_BINARY_GET && opcode != MC_BINARY_GETK &&
		       !mc_binary_is_quiet(opcode);
	return (first >= '0' && first <= '9') || mc_answer_is_code(word) ||
	       word == MC_WORD8("STORED\r\n") || word == MC_WORD8("NOT_STOR") ||
	       word == MC_WORD8("EXISTS\r\n") || word == MC_WORD8("NOT_FOUN") ||
	       word == MC_WORD8("DELETED\r") || word == MC_WORD8("TOUCHED\r") ||
	       word == MC_WORD8("VERSION ") || bmc_keep_bytes(word, 5) == MC_WORD5("STAT ") ||
	       bmc_keep_bytes(word, 5) == MC_WORD5("RESET");
}

/* The same for a response of the binary protocol: its header at `pos`, the body is out->block. */
BMC_STEP int mc_answer_binary(const struct bmc_answer_window *win, __u32 pos, __u32 end,
			      struct mc_answer *out)
{
	__u64 word, more;
	__u32 opcode;

	if (!win || !out)
		return -1;
	out->block = 0;
	out->used = 0;
	out->kind = MC_ANSWER_NONE;
	if ((__u64)pos + MC_BINARY_HEADER > end)
		return 0;
	word = mc_answer64(win, pos);
	more = mc_answer64(win, (__u64)pos + 8);
	opcode = (__u8)(word >> 8);
	out->used = MC_BINARY_HEADER;
	out->block = __builtin_bswap32((__u32)more);
	if ((__u8)word != MC_BINARY_ANSWER)
		out->kind = MC_ANSWER_UNREADABLE;
	else if (mc_binary_is_quiet(opcode))
		out->kind = MC_ANSWER_SILENT;
	else if (opcode == MC_BINARY_STAT && !(word >> 48) && ((word >> 16 & 0xffff) || out->block))
		out->kind = MC_ANSWER_PART; /* no error, and not the empty last one */
	else
		out->kind = MC_ANSWER_ONE;
	return 0;
}

#endif
