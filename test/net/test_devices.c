// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Kinds of interfaces: what is stacked on a card, and the card below. Those that the kernel does not have are named, and
 * not tried, unless BMC_TEST_DEVICES is "all" (test/kernels.sh under a kernel that has them, in the long form).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "tap.h"
#include "world.h"

#define DAEMON 1 /* another user */
#define ADDRESS "10.79.0.1" /* the server's, on the device */
#define SERVER_ADDRESS "ip addr add 10.79.0.1/24 dev "
#define CLIENT_ADDRESS "ip addr add 10.79.0.2/24 dev "

struct device {
	const char *server; /* makes it there */
	const char *client; /* the same at the other end of the wire */
	const char *options; /* of start */
};

/* What bmc has to do, whatever the device. */
static void serves(struct world *w, const struct device *d)
{
	child_sh(&w->server, "%s", d->server);
	child_sh(&w->client, "%s", d->client);
	if (bmcctl(&w->server, "start --name %s --memory 16M --max-age 60s %s", w->instance,
		   d->options))
		fail_msg("start: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
	udp_open(&w->udp, &w->client, ADDRESS, WORLD_PORT);
	tcp_open(&w->tcp, &w->client, ADDRESS, WORLD_PORT);
	world_cache(w, "k", "old");
	tcp_set(&w->tcp, "k", "new", 3);
	world_expect(w, &w->udp, "k", "new");
	world_warm(w, &w->udp, "k");
	text_assert_is("k", &w->text, "VALUE k 0 3\r\nnew\r\nEND\r\n");
}

#define SERVES(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct device device = { __VA_ARGS__ };                               \
                                                                                                   \
		serves(*state, &device);                                                           \
	}

#define UP(dev) " && ip link set " dev " up"
#define VLAN(card)                                                                                 \
	"ethtool -K " card " rxvlan off txvlan off >/dev/null; ip link add link " card             \
	" name vlan5 type vlan id 5 && ip link set vlan5 up && "
SERVES(a_vlan, VLAN("srv0") SERVER_ADDRESS "vlan5", VLAN("cli0") CLIENT_ADDRESS "vlan5",
       "--iface vlan5")
SERVES(the_card_below_a_vlan, VLAN("srv0") SERVER_ADDRESS "vlan5",
       VLAN("cli0") CLIENT_ADDRESS "vlan5", "--iface srv0")

#define BRIDGE "ip link add br0 type bridge && ip link set srv0 master br0" UP("br0") " && "
SERVES(a_bridge, BRIDGE SERVER_ADDRESS "br0", CLIENT_ADDRESS "cli0", "--iface br0")
SERVES(a_bridges_port, BRIDGE SERVER_ADDRESS "br0", CLIENT_ADDRESS "cli0", "--iface srv0")

#define BOND                                                                                       \
	"ip link add bond0 type bond mode active-backup miimon 100 && ip link set srv0 down && "   \
	"ip link set srv0 master bond0" UP("bond0") " && "
SERVES(a_bond, BOND SERVER_ADDRESS "bond0", CLIENT_ADDRESS "cli0", "--iface bond0")
SERVES(a_bond_native, BOND SERVER_ADDRESS "bond0", CLIENT_ADDRESS "cli0",
       "--iface bond0 --mode native")
SERVES(a_bonds_slave, BOND SERVER_ADDRESS "bond0", CLIENT_ADDRESS "cli0", "--iface srv0")

#define MACVLAN                                                                                    \
	"sysctl -qw net.ipv4.conf.all.arp_ignore=1 && ip link add link srv0 name mac0 type "       \
	"macvlan mode bridge" UP("mac0") " && "
SERVES(a_macvlan, MACVLAN SERVER_ADDRESS "mac0", CLIENT_ADDRESS "cli0", "--iface mac0")
SERVES(the_card_below_a_macvlan, MACVLAN SERVER_ADDRESS "mac0", CLIENT_ADDRESS "cli0",
       "--iface srv0")

#define IPVLAN                                                                                     \
	"sysctl -qw net.ipv4.conf.all.arp_ignore=1 && ip link add link srv0 name ipv0 type "       \
	"ipvlan mode l2" UP("ipv0") " && "
SERVES(an_ipvlan, IPVLAN SERVER_ADDRESS "ipv0", CLIENT_ADDRESS "cli0", "--iface ipv0")
SERVES(the_card_below_an_ipvlan, IPVLAN SERVER_ADDRESS "ipv0", CLIENT_ADDRESS "cli0",
       "--iface srv0")

#define TEAM                                                                                       \
	"ip link add team0 type team && teamnl team0 setoption mode roundrobin && ip link set "    \
	"srv0 down && ip link set srv0 master "                                                    \
	"team0" UP("team0")
SERVES(a_team, TEAM UP("srv0") " && " SERVER_ADDRESS "team0", CLIENT_ADDRESS "cli0",
       "--iface team0")
SERVES(a_teams_port, TEAM UP("srv0") " && " SERVER_ADDRESS "team0", CLIENT_ADDRESS "cli0",
       "--iface srv0")

/* Tunnels for Ethernet's frames: what the card below has is another protocol's. */
#define SERVER_WIRE "10.77.0.1"
#define CLIENT_WIRE "10.77.0.2"
#define OUTER(from, to) " local " from " remote " to
#define VXLAN(from, to)                                                                            \
	"ip link add vx0 type vxlan id 7 dstport 4789" OUTER(from, to) UP("vx0") " && "
SERVES(a_vxlan, VXLAN(SERVER_WIRE, CLIENT_WIRE) SERVER_ADDRESS "vx0",
       VXLAN(CLIENT_WIRE, SERVER_WIRE) CLIENT_ADDRESS "vx0", "--iface vx0")
#define GENEVE(to) "ip link add gnv0 type geneve id 7 remote " to UP("gnv0") " && "
SERVES(a_geneve, GENEVE(CLIENT_WIRE) SERVER_ADDRESS "gnv0",
       GENEVE(SERVER_WIRE) CLIENT_ADDRESS "gnv0", "--iface gnv0")
#define GRETAP(from, to) "ip link add gt0 type gretap" OUTER(from, to) UP("gt0") " && "
SERVES(a_gretap, GRETAP(SERVER_WIRE, CLIENT_WIRE) SERVER_ADDRESS "gt0",
       GRETAP(CLIENT_WIRE, SERVER_WIRE) CLIENT_ADDRESS "gt0", "--iface gt0")

#define VRF                                                                                        \
	"ip link add vrf0 type vrf table 10" UP(                                                   \
		"vrf0") " && ip link set srv0 master vrf0 && "                                     \
			"sysctl -qw net.ipv4.udp_l3mdev_accept=1 net.ipv4.tcp_l3mdev_accept=1 && " \
			"ip rule add pref 40000 table 10 && "
SERVES(a_vrfs_slave, VRF SERVER_ADDRESS "srv0", CLIENT_ADDRESS "cli0", "--iface srv0")

static pid_t between_taps;

static int teardown(void **state)
{
	child_stop(between_taps, SIGKILL);
	between_taps = 0;
	return world_teardown(state);
}

/* A machine whose guests are the clients. */
static void serves_guests(struct world *w, int is_virtio, const char *options)
{
	const struct device device = { SERVER_ADDRESS "tap0" UP("tap0"),
				       CLIENT_ADDRESS "tap1" UP("tap1"), options };

	between_taps = tap_join(&w->server, "tap0", &w->client, "tap1", is_virtio);
	serves(w, &device);
}

static void a_tap(void **state)
{
	serves_guests(*state, 0, "--iface tap0 --mode native");
}

static void a_tap_in_skb_mode(void **state)
{
	serves_guests(*state, 0, "--iface tap0 --mode skb");
}

static void a_guests_tap(void **state)
{
	serves_guests(*state, 1, "--iface tap0 --mode native");
}

static void a_guests_tap_in_skb_mode(void **state)
{
	serves_guests(*state, 1, "--iface tap0 --mode skb");
}

/* What XDP cannot serve is refused, and what to do is said. */
static void refuses(struct world *w, const char *make, const char *iface, const char *says)
{
	child_sh(&w->server, "%s", make);
	assert_int_equal(bmcctl(&w->server, "start --name %s --memory 16M --iface %s", w->instance,
				iface),
			 1);
	if (!strstr(bmcctl_result.err, says))
		fail_msg("does not say '%s': %s", says, bmcctl_result.err);
}

static void a_vrf_is_refused(void **state)
{
	refuses(*state, "ip link add vrf0 type vrf table 10" UP("vrf0"), "vrf0",
		"give the interfaces in it");
}

/* The card below a tunnel sees neither its requests nor its answers: all is memcached's. */
static void the_card_below_a_vxlan_is_not_enough(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, VXLAN(SERVER_WIRE, CLIENT_WIRE) SERVER_ADDRESS "vx0");
	child_sh(&w->client, VXLAN(CLIENT_WIRE, SERVER_WIRE) CLIENT_ADDRESS "vx0");
	if (bmcctl(&w->server, "start --name %s --memory 16M --iface srv0", w->instance))
		fail_msg("start: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
	udp_open(&w->udp, &w->client, ADDRESS, WORLD_PORT);
	tcp_open(&w->tcp, &w->client, ADDRESS, WORLD_PORT);
	tcp_set(&w->tcp, "k", "old", 3);
	for (int i = 0; i < 5; i++)
		udp_get(&w->udp, "k", &w->text);
	text_assert_is("memcached's", &w->text, "VALUE k 0 3\r\nold\r\nEND\r\n");
	tcp_set(&w->tcp, "k", "new", 3);
	udp_get(&w->udp, "k", &w->text);
	text_assert_is("memcached's", &w->text, "VALUE k 0 3\r\nnew\r\nEND\r\n");
	assert_int_equal(world_stat(w, "hits"), 0);
}

static void cards_of_two_vrfs(void **state)
{
	const char *two = "lo --iface srv0";
	struct world *w = *state;

	refuses(w,
		"ip link add vrf0 type vrf table 10" UP("vrf0") " && ip link set srv0 master vrf0",
		two, "not in the same VRF");
	child_sh(&w->server, "sysctl -qw net.ipv4.udp_l3mdev_accept=1");
	if (bmcctl(&w->server, "start --name %s --memory 16M --iface %s", w->instance, two))
		fail_msg("start: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
}

static void a_wireguard_is_refused(void **state)
{
	refuses(*state, "ip link add wg0 type wireguard" UP("wg0"), "wg0", "leave it out");
}

static void a_tunnel_is_refused(void **state)
{
	refuses(*state, "ip tuntap add tun0 mode tun" UP("tun0"), "tun0", "leave it out");
}

/*
 * Another user's socket that is bound to the bridge takes what comes by the bridge; by another wire memcached is asked. At
 * the bridge's port that socket was not found, and its datagrams were answered.
 */
static void another_is_bound_to_a_bridge(void **state)
{
	static const struct device device = { BRIDGE SERVER_ADDRESS "br0", CLIENT_ADDRESS "cli0",
					      "--iface srv0 --iface srv1" };
	static struct fake fake;
	struct world *w = *state;

	ns_join(&w->server, "srv1", &w->client, "cli1", 78);
	serves(w, &device);
	fake_on_device("br0");
	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	fake_on_device(NULL);
	child_sh(&w->client, "ip route add " ADDRESS "/32 via 10.78.0.1 dev cli1");
	for (int i = 0; i < 5; i++) /* the answers leave by the bridge */
		udp_get(&w->udp, "k", &w->text);
	text_assert_is("by the other wire", &w->text, "VALUE k 0 3\r\nnew\r\nEND\r\n");
	child_sh(&w->client, "ip route del " ADDRESS "/32");
	udp_get(&w->udp, "k", &w->text);
	text_assert_is("by the bridge", &w->text, "END\r\n");
	fake_stop(&fake);
	world_warm(w, &w->udp, "k");
}

/* ---- which kinds there are ---- */

/* Makes one of a kind, in a namespace of its own that has a pair of veths, p0 and p1. */
#define LINK "ip link add name k0 "
#define VLAN_KIND LINK "link p0 type vlan id 5"
#define BRIDGE_KIND LINK "type bridge"
#define BOND_KIND LINK "type bond"
#define MACVLAN_KIND LINK "link p0 type macvlan"
#define IPVLAN_KIND LINK "link p0 type ipvlan"
#define VRF_KIND LINK "type vrf table 10"
#define TEAM_KIND LINK "type team"
#define VXLAN_KIND LINK "type vxlan id 7 dstport 4789"
#define GENEVE_KIND LINK "type geneve id 7 remote 10.77.0.2"
#define GRETAP_KIND LINK "type gretap local 10.77.0.1 remote 10.77.0.2"
#define WIREGUARD_KIND LINK "type wireguard"
#define TAP_KIND "ip tuntap add k0 mode tap"
#define TUN_KIND "ip tuntap add k0 mode tun"

struct device_test {
	const char *kind;
	struct CMUnitTest test;
};

#define DEVICE_TEST(kind, name)                                                                    \
	{                                                                                          \
		kind, cmocka_unit_test_setup_teardown(name, world_setup_memcached, teardown)       \
	}

static const struct device_test tests[] = {
	DEVICE_TEST(VLAN_KIND, a_vlan),
	DEVICE_TEST(VLAN_KIND, the_card_below_a_vlan),
	DEVICE_TEST(BRIDGE_KIND, a_bridge),
	DEVICE_TEST(BRIDGE_KIND, a_bridges_port),
	DEVICE_TEST(BOND_KIND, a_bond),
	DEVICE_TEST(BOND_KIND, a_bond_native),
	DEVICE_TEST(BOND_KIND, a_bonds_slave),
	DEVICE_TEST(MACVLAN_KIND, a_macvlan),
	DEVICE_TEST(MACVLAN_KIND, the_card_below_a_macvlan),
	DEVICE_TEST(IPVLAN_KIND, an_ipvlan),
	DEVICE_TEST(IPVLAN_KIND, the_card_below_an_ipvlan),
	DEVICE_TEST(TEAM_KIND, a_team),
	DEVICE_TEST(TEAM_KIND, a_teams_port),
	DEVICE_TEST(VXLAN_KIND, a_vxlan),
	DEVICE_TEST(VXLAN_KIND, the_card_below_a_vxlan_is_not_enough),
	DEVICE_TEST(GENEVE_KIND, a_geneve),
	DEVICE_TEST(GRETAP_KIND, a_gretap),
	DEVICE_TEST(VRF_KIND, cards_of_two_vrfs),
	DEVICE_TEST(TAP_KIND, a_tap),
	DEVICE_TEST(TAP_KIND, a_tap_in_skb_mode),
	DEVICE_TEST(TAP_KIND, a_guests_tap),
	DEVICE_TEST(TAP_KIND, a_guests_tap_in_skb_mode),
	DEVICE_TEST(VRF_KIND, a_vrfs_slave),
	DEVICE_TEST(VRF_KIND, a_vrf_is_refused),
	DEVICE_TEST(TUN_KIND, a_tunnel_is_refused),
	DEVICE_TEST(WIREGUARD_KIND, a_wireguard_is_refused),
	DEVICE_TEST(BRIDGE_KIND, another_is_bound_to_a_bridge),
};

static int kernel_has(const char *kind)
{
	char line[200];

	snprintf(line, sizeof(line),
		 "unshare -n sh -ec 'ip link add p0 type veth peer name p1; %s' >/dev/null 2>&1",
		 kind);
	return system(line) == 0;
}

int main(void)
{
	const char *which = getenv("BMC_TEST_DEVICES");
	struct CMUnitTest some[TEST_COUNT(tests)];
	int is_all = which && !strcmp(which, "all");
	size_t n = 0;

	for (size_t i = 0; i < TEST_COUNT(tests); i++) {
		if (is_all || kernel_has(tests[i].kind))
			some[n++] = tests[i].test;
		else
			printf("not tried, this kernel has no such interface: %s (%s)\n",
			       tests[i].test.name, tests[i].kind);
	}
	fflush(stdout);
	return _cmocka_run_group_tests("devices", some, n, NULL, NULL);
}
