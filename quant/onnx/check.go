package onnx

import (
	"errors"
	"fmt"
)

// check refuses what is no runnable model, whatever the coding.
func (m *Model) check() error {
	switch {
	case m.IRVersion < 1:
		return errors.New("it names no version of the format, so it is no ONNX model")
	case m.Graph == nil:
		return errors.New("it has no graph")
	case len(m.Opsets) == 0 && m.IRVersion >= 3:
		return errors.New("it names no set of operators")
	}
	return m.Graph.Check()
}

// Check looks for what a converter may break: a name that two things make, a name that is read and made by nothing,
// and nodes that wait for each other. It is part of Parse.
func (g *Graph) Check() error {
	made, err := g.made()
	if err != nil {
		return err
	}
	for _, n := range g.Nodes {
		for name := range n.reads() {
			if !made[name] {
				return fmt.Errorf("node %s reads %q, which nothing makes", n.Label(), name)
			}
		}
	}
	for _, v := range g.Outputs {
		if !made[v.Name] {
			return fmt.Errorf("the output %q is made by nothing", v.Name)
		}
	}
	_, err = g.order()
	return err
}

// made returns everything that exists in the graph, each once.
func (g *Graph) made() (map[string]bool, error) {
	if err := g.checkGiven(); err != nil {
		return nil, err
	}
	made := g.given()
	for _, n := range g.Nodes {
		if n.OpType == "" {
			return nil, fmt.Errorf("node %s names no operator", n.Label())
		}
		for _, name := range n.Outputs {
			if made[name] {
				return nil, fmt.Errorf("%q is made by node %s and by something else", name, n.Label())
			}
			made[name] = name != ""
		}
	}
	return made, nil
}

// checkGiven refuses two inputs or two constants of one name. An input and a constant may share theirs: the constant
// then stands for an input that is not given.
func (g *Graph) checkGiven() error {
	inputs, constants := map[string]bool{}, map[string]bool{}
	for _, v := range g.Inputs {
		if inputs[v.Name] || v.Name == "" {
			return fmt.Errorf("the input %q has no name or appears twice", v.Name)
		}
		inputs[v.Name] = true
	}
	for _, t := range g.Initializers {
		if constants[t.Name] || t.Name == "" {
			return fmt.Errorf("the constant %q has no name or appears twice", t.Name)
		}
		constants[t.Name] = true
	}
	return nil
}
