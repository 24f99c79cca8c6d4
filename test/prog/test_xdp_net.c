// SPDX-License-Identifier: LGPL-2.1-only
/* bmc_xdp: which packets are for us, and which are right. */
#include "fixture.h"

#include <netinet/in.h>
#include <string.h>

static struct harness h;

#define GET .text = "get abc\r\n"
#define OPTIONS(s) .options = (const uint8_t *)(s), .options_len = sizeof(s) - 1

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t multicast[6] = { 1, 0, 0x5e, 0, 0, 1 };

static const struct row {
	const char *name;
	struct pkt pkt;
	enum outcome outcome;
	const char *keys;
} rows[] = {
	{ "IPv4", { GET }, HIT, "abc" },
	{ "IPv6", { GET, .family = 6 }, HIT, "abc" },
	{ "IPv6, several keys of odd lengths",
	  { .text = "get k2 k1 k3\r\n", .family = 6 },
	  HIT,
	  "k2 k1 k3" },
	/* VLAN */
	{ "VLAN tag", { GET, .tags = 1 }, HIT, "abc" },
	{ "VLAN tag, IPv6", { GET, .tags = 1, .family = 6 }, HIT, "abc" },
	{ "two VLAN tags", { GET, .tags = 2 }, HIT, "abc" },
	{ "two VLAN tags, 802.1ad", { GET, .tags = 2, .outer_tag = 0x88a8 }, HIT, "abc" },
	{ "two VLAN tags, IPv6", { GET, .tags = 2, .family = 6 }, HIT, "abc" },
	{ "three VLAN tags", { GET, .tags = 3 }, FOREIGN, NULL },
	/* padding */
	{ "padding of 0xff", { GET, .pad_byte = 0xff }, HIT, "abc" },
	{ "padding to 300", { GET, .pad_byte = 0xff, .pad_to = 300 }, HIT, "abc" },
	{ "padding to 301", { GET, .pad_byte = 0xff, .pad_to = 301 }, HIT, "abc" },
	{ "padding to 1514", { GET, .pad_byte = 0xff, .pad_to = 1514 }, HIT, "abc" },
	{ "padding, IPv6", { GET, .pad_byte = 0xff, .pad_to = 100, .family = 6 }, HIT, "abc" },
	{ "padding, long reply",
	  { .text = "get v1300\r\n", .pad_byte = 0xff, .pad_to = 900 },
	  HIT,
	  "v1300" },
	{ "padding as long as the reply", { GET, .pad_byte = 0xff, .pad_to = 71 }, HIT, "abc" },
	{ "padding longer than the reply by one",
	  { GET, .pad_byte = 0xff, .pad_to = 72 },
	  HIT,
	  "abc" },
	{ "no padding", { GET, .pad_to = 14 }, HIT, "abc" },
	{ "padding, key not cached",
	  { .text = "get no\r\n", .pad_byte = 0xff, .pad_to = 200 },
	  MISS,
	  "no" },
	/* options and extensions */
	{ "IPv4 options: no operation", { GET, OPTIONS("\1\1\1\1") }, HIT, "abc" },
	{ "IPv4 options: timestamp",
	  { GET, OPTIONS("\x44\x0c\x05\0\0\0\0\0\0\0\0\0") },
	  HIT,
	  "abc" },
	{ "IPv4 options: router alert", { GET, OPTIONS("\x94\x04\0\0") }, HIT, "abc" },
	{ "IPv4 options: 40 bytes",
	  { GET, OPTIONS("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
			 "\1\1\1\0") },
	  HIT,
	  "abc" },
	{ "IPv4 options, VLAN tag", { GET, OPTIONS("\1\1\1\1\1\1\1\1"), .tags = 1 }, HIT, "abc" },
	{ "IPv4 options: loose source route",
	  { GET, OPTIONS("\x83\x07\x04\x0a\0\0\1\0") },
	  PASSED,
	  NULL },
	{ "IPv4 options: strict source route",
	  { GET, OPTIONS("\x89\x07\x04\x0a\0\0\1\0") },
	  PASSED,
	  NULL },
	{ "IPv4 options: source route behind others",
	  { GET, OPTIONS("\1\1\1\1\1\x83\x07\x04\x0a\0\0\1") },
	  PASSED,
	  NULL },
	{ "IPv4 options, bad header checksum",
	  { GET, OPTIONS("\1\1\1\1"), .ip_check = PKT_CHECK_BAD },
	  PASSED,
	  NULL },
	{ "IPv6, hop-by-hop", { GET, .family = 6, .extension = -1 }, FOREIGN, NULL },
	{ "IPv6, routing header", { GET, .family = 6, .extension = 43 }, FOREIGN, NULL },
	{ "IPv6, destination options", { GET, .family = 6, .extension = 60 }, FOREIGN, NULL },
	{ "IPv6, fragment header", { GET, .family = 6, .extension = 44 }, FOREIGN, NULL },
	/* fragments */
	{ "fragment, first", { GET, .fragment = 0x2000 }, FOREIGN, NULL },
	{ "fragment, later", { GET, .fragment = 0x2000 | 185 }, FOREIGN, NULL },
	{ "fragment, last", { GET, .fragment = 185 }, FOREIGN, NULL },
	{ "do not fragment", { GET, .fragment = 0x4000 }, HIT, "abc" },
	/* lengths */
	{ "IPv4, version 6", { GET, .version = 6 }, FOREIGN, NULL },
	{ "IPv4, version 5", { GET, .version = 5 }, FOREIGN, NULL },
	{ "IPv6, version 4", { GET, .family = 6, .version = 4 }, FOREIGN, NULL },
	{ "IPv4, header length 4", { GET, .ihl = 4 }, FOREIGN, NULL },
	{ "IPv4, header length 1", { GET, .ihl = 1 }, FOREIGN, NULL },
	{ "IPv4, header length 15", { GET, .ihl = 15 }, PASSED, NULL },
	{ "IPv4, total length + 1", { GET, .ip_len_add = 1 }, FORM, NULL },
	{ "IPv4, total length beyond the frame", { GET, .ip_len_add = 1000 }, FORM, NULL },
	{ "IPv4, total length - 1", { GET, .ip_len_add = -1 }, FORM, NULL },
	{ "IPv4, total length 0", { GET, .ip_len_add = -45 }, FORM, NULL },
	{ "IPv4, total length 19", { GET, .ip_len_add = -45 + 19 }, FOREIGN, NULL },
	{ "IPv4, total length 20", { GET, .ip_len_add = -45 + 20 }, FORM, NULL },
	{ "IPv6, payload length + 1", { GET, .family = 6, .ip_len_add = 1 }, FORM, NULL },
	{ "IPv6, payload length - 1", { GET, .family = 6, .ip_len_add = -1 }, FORM, NULL },
	{ "IPv6, payload length 0", { GET, .family = 6, .ip_len_add = -25 }, FORM, NULL },
	{ "UDP length + 1", { GET, .udp_len_add = 1 }, FORM, NULL },
	{ "UDP length - 1", { GET, .udp_len_add = -1 }, FORM, NULL },
	{ "UDP length 8", { GET, .udp_len_add = -17 }, FORM, NULL },
	{ "UDP length 7", { GET, .udp_len_add = -18 }, FORM, NULL },
	{ "UDP length 0", { GET, .udp_len_add = -25 }, FORM, NULL },
	{ "IPv4 and UDP length beyond the frame",
	  { GET, .ip_len_add = 100, .udp_len_add = 100 },
	  FORM,
	  NULL },
	{ "IPv4 and UDP length + 1, in the padding",
	  { GET, .ip_len_add = 1, .udp_len_add = 1 },
	  CHECKSUM,
	  NULL },
	{ "IPv6 and UDP length beyond the frame",
	  { GET, .family = 6, .ip_len_add = 100, .udp_len_add = 100 },
	  FORM,
	  NULL },
	{ "UDP length 0 of an IPv6 jumbogram",
	  { GET, .family = 6, .ip_len_add = -25, .udp_len_add = -25 },
	  FORM,
	  NULL },
	/* checksums */
	{ "UDP checksum wrong", { GET, .udp_check = PKT_CHECK_BAD }, CHECKSUM, NULL },
	{ "UDP checksum wrong, IPv6",
	  { GET, .family = 6, .udp_check = PKT_CHECK_BAD },
	  CHECKSUM,
	  NULL },
	{ "UDP checksum wrong, key not cached",
	  { .text = "get no\r\n", .udp_check = PKT_CHECK_BAD },
	  CHECKSUM,
	  NULL },
	{ "no UDP checksum", { GET, .udp_check = PKT_CHECK_ZERO }, HIT, "abc" },
	{ "no UDP checksum, IPv6",
	  { GET, .family = 6, .udp_check = PKT_CHECK_ZERO },
	  CHECKSUM,
	  NULL },
	{ "UDP checksum left to the device", { GET, .udp_check = PKT_CHECK_PARTIAL }, HIT, "abc" },
	{ "UDP checksum left to the device, IPv6",
	  { GET, .family = 6, .udp_check = PKT_CHECK_PARTIAL },
	  HIT,
	  "abc" },
	{ "UDP checksum left to the device, padding",
	  { GET, .udp_check = PKT_CHECK_PARTIAL, .pad_byte = 0xff, .pad_to = 101 },
	  HIT,
	  "abc" },
	{ "IPv4 header checksum wrong", { GET, .ip_check = PKT_CHECK_BAD }, PASSED, NULL },
	{ "IPv4 header checksum 0", { GET, .ip_check = PKT_CHECK_ZERO }, PASSED, NULL },
	/* whose it is */
	{ "another port", { GET, .server_port = 11212 }, FOREIGN, NULL },
	{ "port 0", { GET, .server_port = 0xffff }, FOREIGN, NULL },
	{ "port with its bytes exchanged", { GET, .server_port = 0xcb2b }, FOREIGN, NULL },
	{ "another server's port", { GET, .server_port = HARNESS_OTHER_PORT }, MISS, "abc" },
	{ "another local address", { GET, .server = "10.0.0.3" }, MISS, "abc" },
	{ "another local address, IPv6", { GET, .family = 6, .server = "fd00::3" }, MISS, "abc" },
	{ "another client", { GET, .client = "192.168.7.9", .client_port = 1 }, HIT, "abc" },
	{ "another client, IPv6",
	  { GET, .family = 6, .client = "2001:db8::1", .client_port = 65535 },
	  HIT,
	  "abc" },
	{ "link-local client", { GET, .family = 6, .client = "fe80::1" }, HIT, "abc" },
	{ "client's port is the server's", { GET, .client_port = PKT_PORT }, HIT, "abc" },
	{ "broadcast MAC address", { GET, .dst_mac = broadcast }, PASSED, NULL },
	{ "multicast MAC address", { GET, .dst_mac = multicast }, PASSED, NULL },
	{ "client 0.0.0.0", { GET, .client = "0.0.0.0" }, PASSED, NULL },
	{ "client 0.1.2.3", { GET, .client = "0.1.2.3" }, PASSED, NULL },
	{ "client 127.0.0.1", { GET, .client = "127.0.0.1" }, PASSED, NULL },
	{ "client 224.0.0.1", { GET, .client = "224.0.0.1" }, PASSED, NULL },
	{ "client 255.255.255.255", { GET, .client = "255.255.255.255" }, PASSED, NULL },
	{ "client is the server", { GET, .client = "10.0.0.2" }, PASSED, NULL },
	{ "client ::", { GET, .family = 6, .client = "::" }, PASSED, NULL },
	{ "client ::1", { GET, .family = 6, .client = "::1" }, PASSED, NULL },
	{ "client ::ffff:10.0.0.1",
	  { GET, .family = 6, .client = "::ffff:10.0.0.1" },
	  PASSED,
	  NULL },
	{ "client ::10.0.0.1", { GET, .family = 6, .client = "::10.0.0.1" }, PASSED, NULL },
	{ "client ff02::1", { GET, .family = 6, .client = "ff02::1" }, PASSED, NULL },
	{ "client is the server, IPv6", { GET, .family = 6, .client = "fd00::2" }, PASSED, NULL },
	{ "server 255.255.255.255", { GET, .server = "255.255.255.255" }, PASSED, NULL },
	{ "server ff02::1", { GET, .family = 6, .server = "ff02::1" }, PASSED, NULL },
	/* not UDP */
	{ "TCP", { GET, .proto = IPPROTO_TCP }, FOREIGN, NULL },
	{ "TCP, IPv6", { GET, .family = 6, .proto = IPPROTO_TCP }, FOREIGN, NULL },
	{ "ICMP", { GET, .proto = IPPROTO_ICMP }, FOREIGN, NULL },
	{ "UDP-Lite", { GET, .proto = IPPROTO_UDPLITE }, FOREIGN, NULL },
	{ "ARP", { GET, .ethertype = 0x0806 }, FOREIGN, NULL },
	{ "IPv4 called IPv6", { GET, .ethertype = 0x86dd }, FOREIGN, NULL },
	{ "a length for an EtherType", { GET, .ethertype = 46 }, FOREIGN, NULL },
};

static void test_row(void **state)
{
	const struct row *row = *state;

	fixture_fill_for(&h, &row->pkt);
	fixture_expect(&h, row->name, &row->pkt, row->outcome, row->keys);
}

/* The same address in another VLAN is another host: its requests were answered with our items. */
static void test_another_vlan(void **state)
{
	static const struct pkt vlans[] = { { .tags = 0 },
					    { .tags = 1 },
					    { .tags = 2 },
					    { .tags = 1, .outer_tag = 0x88a8 },
					    { .tags = 2, .outer_tag = 0x88a8 } };
	const size_t n = sizeof(vlans) / sizeof(vlans[0]);
	static const int families[] = { 4, 6 };

	(void)state;
	for (size_t i = 0; i < 2 * n * n; i++) {
		struct pkt ours = vlans[i % n], asked = vlans[i / n % n];
		int is_same = ours.tags == asked.tags && ours.outer_tag == asked.outer_tag;

		ours.family = asked.family = families[i / n / n];
		harness_forget(&h);
		harness_fill(&h, &items[ITEM_ABC], &ours);
		expect(harness_is_cached(&h, "abc", &asked) == is_same,
		       "%d tags (%04x), asked with %d (%04x)", ours.tags, ours.outer_tag,
		       asked.tags, asked.outer_tag);
	}
}

/*
 * The bug: an IPv6 packet to an address that stands for an IPv4 one, which the kernel takes for nobody's, was answered with
 * what is cached of that one.
 */
static void test_mapped_address(void **state)
{
	const struct pkt ours = { .family = 4 },
			 asked = { .family = 6, .server = "::ffff:10.0.0.2" };
	const struct pkt spaces = { .text = "get  abc\r\n",
				    .family = 6,
				    .server = "::ffff:10.0.0.2" };

	(void)state;
	harness_forget(&h);
	harness_fill(&h, &items[ITEM_ABC], &ours);
	assert_true(harness_is_cached(&h, "abc", &ours));
	assert_false(harness_is_cached(&h, "abc", &asked));
	harness_expect_pass(&h, "the general way", &spaces);
}

/* The shortest frames that the kernel lets through BPF_PROG_RUN, of every EtherType that is looked at. */
static void test_runts(void **state)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (uint32_t len = 14; len < 34; len++) {
			struct frame f = { .len = len };
			struct run run;

			memset(f.data, 0x45, len);
			f.data[0] = 2;
			pkt_put16(f.data + 12, types[i]);
			harness_xdp(&h, &f, &run);
			expect(run.verdict == 2, "type %04x, %u bytes: verdict %u", types[i], len,
			       run.verdict);
			expect(run.out.len == len && !memcmp(run.out.data, f.data, len),
			       "the packet was changed");
		}
	}
}

HARNESS_GROUP(h, fixture_open(&h, HARNESS_FOREVER_NS, 0))

/* The second group goes on with the first one's programs: a load is dear where the machine is emulated. */
static int next_group(void **state)
{
	(void)state;
	fixture_fill(&h, 4);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_another_vlan),
					    cmocka_unit_test(test_mapped_address),
					    cmocka_unit_test(test_runts) };
	int failed = RUN_ROWS("xdp: packets", rows, test_row, group_setup, NULL);

	failed += cmocka_run_group_tests_name("xdp: runts", tests, next_group, group_teardown);
	return failed ? 1 : 0;
}
