package main

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// spdx is a document of SPDX 2.3, as far as it is written here.
type spdx struct {
	SPDXVersion   string             `json:"spdxVersion"`
	DataLicense   string             `json:"dataLicense"`
	SPDXID        string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"`
	Creation      spdxCreation       `json:"creationInfo"`
	Packages      []spdxPackage      `json:"packages"`
	Relationships []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	SPDXID    string          `json:"SPDXID"`
	Name      string          `json:"name"`
	Version   string          `json:"versionInfo,omitempty"`
	Download  string          `json:"downloadLocation"`
	Analyzed  bool            `json:"filesAnalyzed"`
	Concluded string          `json:"licenseConcluded"`
	Declared  string          `json:"licenseDeclared"`
	Copyright string          `json:"copyrightText"`
	Comment   string          `json:"comment,omitempty"`
	Refs      []spdxReference `json:"externalRefs,omitempty"`
}

type spdxReference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	From string `json:"spdxElementId"`
	Kind string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// billOf reads what a program is made of: the Go modules that the linker noted in it, the Go that built it, and the
// shared libraries that it asks the system for. ONNX Runtime is not among them: it is looked for at run time.
func billOf(program string, now time.Time) (spdx, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return spdx{}, fmt.Errorf("reading what %s is made of: %w", program, err)
	}
	libraries, err := librariesOf(program)
	if err != nil {
		return spdx{}, fmt.Errorf("reading the libraries of %s: %w", program, err)
	}
	root := spdxPackage{
		SPDXID: "SPDXRef-Package-0", Name: info.Path, Version: info.Main.Version, Declared: "Apache-2.0",
		Refs: purl("golang", info.Main.Path, info.Main.Version),
	}
	name := filepath.Base(program)
	doc := spdx{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: name,
		Namespace: "https://" + info.Main.Path + "/spdx/" + name + "/" + now.UTC().Format("20060102T150405Z"),
		Creation:  spdxCreation{now.UTC().Format(time.RFC3339), []string{"Tool: vegad version --sbom"}},
	}
	doc.add(root)
	doc.add(spdxPackage{Name: "go", Version: strings.TrimPrefix(info.GoVersion, "go"), Comment: "compiler and library"})
	for _, module := range info.Deps {
		doc.add(moduleOf(module))
	}
	for _, library := range libraries {
		doc.add(spdxPackage{Name: library, Comment: "shared library of the system, loaded at the start"})
	}
	return doc, nil
}

func moduleOf(m *debug.Module) spdxPackage {
	if m.Replace != nil {
		m = m.Replace
	}
	p := spdxPackage{Name: m.Path, Version: m.Version, Refs: purl("golang", m.Path, m.Version)}
	if m.Sum != "" {
		p.Comment = "go.sum " + m.Sum
	}
	return p
}

func purl(kind, name, version string) []spdxReference {
	return []spdxReference{{"PACKAGE-MANAGER", "purl", "pkg:" + kind + "/" + name + "@" + version}}
}

// librariesOf lists the shared libraries that a program names; none when it is linked statically.
func librariesOf(program string) ([]string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return f.ImportedLibraries()
}

// add appends a package: the first is what the document describes, all others are what that depends on.
func (d *spdx) add(p spdxPackage) {
	p.SPDXID = fmt.Sprintf("SPDXRef-Package-%d", len(d.Packages))
	p.Download, p.Concluded, p.Copyright = "NOASSERTION", "NOASSERTION", "NOASSERTION"
	if p.Declared == "" {
		p.Declared = "NOASSERTION"
	}
	relation := spdxRelationship{"SPDXRef-Package-0", "DEPENDS_ON", p.SPDXID}
	if len(d.Packages) == 0 {
		relation = spdxRelationship{d.SPDXID, "DESCRIBES", p.SPDXID}
	}
	d.Packages, d.Relationships = append(d.Packages, p), append(d.Relationships, relation)
}
