package metrics

import (
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/metrics/catalog"
)

// linkFamilies tell of the broker and of what waits for it.
type linkFamilies struct {
	connected, connects, published, unconfirmed, refused catalog.Family
	messages, bytes, age, durable, failed                catalog.Family
	dropped, damaged, written, transactions              catalog.Family
}

func newLinkFamilies(c *catalog.Catalog) linkFamilies {
	return linkFamilies{
		connected:    c.Gauge("link_connected", "1 while there is a connection to the broker."),
		connects:     c.Counter("link_connects_total", "Connections to the broker that came up."),
		published:    c.Counter("link_messages_published_total", "Messages that the broker acknowledged."),
		unconfirmed:  c.Counter("link_messages_unconfirmed_total", "Messages whose acknowledgement a loss swallowed."),
		refused:      c.Counter("link_messages_refused_total", "Incoming messages that were not accepted."),
		messages:     c.Gauge("outbox_messages", "Messages that wait for their receiver."),
		bytes:        c.Gauge("outbox_size_bytes", "Size of the messages that wait."),
		age:          c.Gauge("outbox_oldest_age_seconds", "Age of the oldest message that waits."),
		durable:      c.Gauge("outbox_durable", "1 if what is put into the outbox now outlives a crash."),
		failed:       c.Gauge("outbox_failed", "1 while the outbox cannot be written to disk."),
		dropped:      c.Counter("outbox_dropped_total", "Messages given up, for want of room or for their age.", "class"),
		damaged:      c.Counter("outbox_damaged_total", "Times that the file of the outbox was damaged."),
		written:      c.Counter("outbox_records_written_total", "Records that went to disk."),
		transactions: c.Counter("outbox_transactions_total", "Transactions on disk."),
	}
}

func (f *linkFamilies) collect(to catalog.Sink, m *Measurement) {
	l, o := &m.State.Link, &m.State.Outbox
	to.Put(f.connected, catalog.Number(m.Connected))
	to.Put(f.connects, float64(l.Connections))
	to.Put(f.published, float64(l.Published))
	to.Put(f.unconfirmed, float64(l.Unconfirmed))
	to.Put(f.refused, float64(l.Refused))
	to.Put(f.messages, float64(o.Depth))
	to.Put(f.bytes, float64(o.Bytes))
	to.Put(f.age, o.OldestSeconds)
	to.Put(f.durable, catalog.Number(o.Durable))
	to.Put(f.failed, catalog.Number(o.Failure != ""))
	to.Put(f.damaged, float64(o.Damaged))
	to.Put(f.written, float64(m.OutboxWritten))
	to.Put(f.transactions, float64(m.OutboxTransactions))
	for class, n := range map[string]uint64{
		"stats": o.Dropped.Stats, "scene": o.Dropped.Scene, "watches": o.Dropped.Watches, "events": o.Dropped.Events,
		"answers": o.Dropped.Answers,
	} {
		to.Put(f.dropped, float64(n), class)
	}
}

// deviceFamilies tell of the machine, as far as it tells.
type deviceFamilies struct {
	temperature, headroom, throttled           catalog.Family
	power, railPower, railAlarm, overCurrent   catalog.Family
	gpu, fan, memory, available, swap, oomKill catalog.Family
}

func newDeviceFamilies(c *catalog.Catalog) deviceFamilies {
	return deviceFamilies{
		temperature: c.Gauge("device_temperature_celsius", "Temperature of a thermal zone.", "zone"),
		headroom:    c.Gauge("device_thermal_headroom_kelvin", "How far the hottest zone is below throttling."),
		throttled:   c.Gauge("device_throttled", "1 while a brake is on."),
		power:       c.Gauge("device_power_watts", "Power of the whole module."),
		railPower:   c.Gauge("device_rail_power_watts", "Power of one supply.", "rail"),
		railAlarm:   c.Gauge("device_rail_alarm", "1 while the current of a supply is above a limit.", "rail"),
		overCurrent: c.Counter("device_over_current_events_total", "Times that a current was above a limit.", "limit"),
		gpu:         c.Gauge("device_gpu_load_ratio", "Load of the GPU."),
		fan:         c.Gauge("device_fan_ratio", "Drive of the fan, of its full one."),
		memory:      c.Gauge("device_memory_size_bytes", "Memory of the machine."),
		available:   c.Gauge("device_memory_available_bytes", "Memory that can still be had."),
		swap:        c.Gauge("device_swap_used_bytes", "Swap in use."),
		oomKill:     c.Counter("device_oom_kills_total", "Programs that were killed for want of memory, since boot."),
	}
}

func (f *deviceFamilies) collect(to catalog.Sink, d *payload.Device) {
	for zone, celsius := range hottest(d.Temperatures) {
		to.Put(f.temperature, celsius, zone)
	}
	to.Maybe(f.headroom, d.HeadroomK)
	to.Put(f.throttled, catalog.Number(d.Throttled != ""))
	to.Maybe(f.power, d.PowerW)
	for name, r := range railsByName(d.Rails) {
		to.Put(f.railPower, r.PowerW, name)
		to.Put(f.railAlarm, catalog.Number(r.Alarm), name)
	}
	for name, n := range overCurrents(d.OverCurrent) {
		to.Put(f.overCurrent, n, name)
	}
	to.Maybe(f.gpu, d.GPULoad)
	to.Maybe(f.fan, d.Fan)
	if m := d.Memory; m != nil {
		to.Put(f.memory, float64(m.TotalBytes))
		to.Put(f.available, float64(m.AvailableBytes))
		to.Put(f.swap, float64(m.SwapUsedBytes))
		to.Put(f.oomKill, float64(m.OOMKills))
	}
}

// hottest keeps one value a name: kernels give two zones the same name, and two equal metrics would spoil a scrape.
func hottest(zones []payload.Temperature) map[string]float64 {
	out := make(map[string]float64, len(zones))
	for _, z := range zones {
		if before, twice := out[z.Zone]; !twice || z.Celsius > before {
			out[z.Zone] = z.Celsius
		}
	}
	return out
}

// railsByName adds up the supplies of one name.
func railsByName(rails []payload.Rail) map[string]payload.Rail {
	out := make(map[string]payload.Rail, len(rails))
	for _, r := range rails {
		before := out[r.Name]
		out[r.Name] = payload.Rail{Name: r.Name, PowerW: before.PowerW + r.PowerW, Alarm: before.Alarm || r.Alarm}
	}
	return out
}

func overCurrents(all []payload.OverCurrent) map[string]float64 {
	out := make(map[string]float64, len(all))
	for _, o := range all {
		out[o.Name] += float64(o.Events)
	}
	return out
}
