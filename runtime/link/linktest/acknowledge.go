package linktest

import "github.com/eclipse/paho.mqtt.golang/packets"

// Acknowledge is what a broker that lets everybody in says to a packet; nil where it says nothing.
func Acknowledge(packet packets.ControlPacket) packets.ControlPacket {
	switch p := packet.(type) {
	case *packets.ConnectPacket:
		return packets.NewControlPacket(packets.Connack)
	case *packets.SubscribePacket:
		out := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		out.MessageID, out.ReturnCodes = p.MessageID, make([]byte, len(p.Topics))
		return out
	case *packets.UnsubscribePacket:
		out := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
		out.MessageID = p.MessageID
		return out
	case *packets.PingreqPacket:
		return packets.NewControlPacket(packets.Pingresp)
	case *packets.PublishPacket:
		if p.Qos > 0 {
			out := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			out.MessageID = p.MessageID
			return out
		}
	}
	return nil
}
