package metrics

import "github.com/vega-edge/vegad/runtime/link/payload"

// linkFamilies tell of the broker and of what waits for it.
type linkFamilies struct {
	connected, connects, published, unconfirmed, refused family
	messages, bytes, age, durable, failed                family
	dropped, damaged, written, transactions              family
}

func newLinkFamilies(c *catalog) linkFamilies {
	return linkFamilies{
		connected:    c.gauge("link_connected", "1 while there is a connection to the broker."),
		connects:     c.counter("link_connects_total", "Connections to the broker that came up."),
		published:    c.counter("link_messages_published_total", "Messages that the broker acknowledged."),
		unconfirmed:  c.counter("link_messages_unconfirmed_total", "Messages whose acknowledgement a loss swallowed."),
		refused:      c.counter("link_messages_refused_total", "Incoming messages that were not accepted."),
		messages:     c.gauge("outbox_messages", "Messages that wait for their receiver."),
		bytes:        c.gauge("outbox_size_bytes", "Size of the messages that wait."),
		age:          c.gauge("outbox_oldest_age_seconds", "Age of the oldest message that waits."),
		durable:      c.gauge("outbox_durable", "1 if what is put into the outbox now outlives a crash."),
		failed:       c.gauge("outbox_failed", "1 while the outbox cannot be written to disk."),
		dropped:      c.counter("outbox_dropped_total", "Messages given up, for want of room or for their age.", "class"),
		damaged:      c.counter("outbox_damaged_total", "Times that the file of the outbox was damaged."),
		written:      c.counter("outbox_records_written_total", "Records that went to disk."),
		transactions: c.counter("outbox_transactions_total", "Transactions on disk."),
	}
}

func (f *linkFamilies) collect(to sink, m *Measurement) {
	l, o := &m.State.Link, &m.State.Outbox
	to.put(f.connected, number(m.Connected))
	to.put(f.connects, float64(l.Connections))
	to.put(f.published, float64(l.Published))
	to.put(f.unconfirmed, float64(l.Unconfirmed))
	to.put(f.refused, float64(l.Refused))
	to.put(f.messages, float64(o.Depth))
	to.put(f.bytes, float64(o.Bytes))
	to.put(f.age, o.OldestSeconds)
	to.put(f.durable, number(o.Durable))
	to.put(f.failed, number(o.Failure != ""))
	to.put(f.damaged, float64(o.Damaged))
	to.put(f.written, float64(m.OutboxWritten))
	to.put(f.transactions, float64(m.OutboxTransactions))
	for class, n := range map[string]uint64{
		"stats": o.Dropped.Stats, "scene": o.Dropped.Scene, "watches": o.Dropped.Watches, "events": o.Dropped.Events,
		"answers": o.Dropped.Answers,
	} {
		to.put(f.dropped, float64(n), class)
	}
}

// deviceFamilies tell of the machine, as far as it tells.
type deviceFamilies struct {
	temperature, headroom, throttled           family
	power, railPower, railAlarm, overCurrent   family
	gpu, fan, memory, available, swap, oomKill family
}

func newDeviceFamilies(c *catalog) deviceFamilies {
	return deviceFamilies{
		temperature: c.gauge("device_temperature_celsius", "Temperature of a thermal zone.", "zone"),
		headroom:    c.gauge("device_thermal_headroom_kelvin", "How far the hottest zone is below throttling."),
		throttled:   c.gauge("device_throttled", "1 while a brake is on."),
		power:       c.gauge("device_power_watts", "Power of the whole module."),
		railPower:   c.gauge("device_rail_power_watts", "Power of one supply.", "rail"),
		railAlarm:   c.gauge("device_rail_alarm", "1 while the current of a supply is above a limit.", "rail"),
		overCurrent: c.counter("device_over_current_events_total", "Times that a current was above a limit.", "limit"),
		gpu:         c.gauge("device_gpu_load_ratio", "Load of the GPU."),
		fan:         c.gauge("device_fan_ratio", "Drive of the fan, of its full one."),
		memory:      c.gauge("device_memory_size_bytes", "Memory of the machine."),
		available:   c.gauge("device_memory_available_bytes", "Memory that can still be had."),
		swap:        c.gauge("device_swap_used_bytes", "Swap in use."),
		oomKill:     c.counter("device_oom_kills_total", "Programs that were killed for want of memory, since boot."),
	}
}

func (f *deviceFamilies) collect(to sink, d *payload.Device) {
	for zone, celsius := range hottest(d.Temperatures) {
		to.put(f.temperature, celsius, zone)
	}
	to.maybe(f.headroom, d.HeadroomK)
	to.put(f.throttled, number(d.Throttled != ""))
	to.maybe(f.power, d.PowerW)
	for name, r := range railsByName(d.Rails) {
		to.put(f.railPower, r.PowerW, name)
		to.put(f.railAlarm, number(r.Alarm), name)
	}
	for name, n := range overCurrents(d.OverCurrent) {
		to.put(f.overCurrent, n, name)
	}
	to.maybe(f.gpu, d.GPULoad)
	to.maybe(f.fan, d.Fan)
	if m := d.Memory; m != nil {
		to.put(f.memory, float64(m.TotalBytes))
		to.put(f.available, float64(m.AvailableBytes))
		to.put(f.swap, float64(m.SwapUsedBytes))
		to.put(f.oomKill, float64(m.OOMKills))
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
