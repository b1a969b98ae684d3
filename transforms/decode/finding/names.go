package finding

// names are what the members of a finding are called, by scanner.
type names struct {
	id, severity, status, score     []string
	pkg, version, fixed, kind, path []string
	title, text, link               []string
}

func list(words ...string) []string { return words }

var (
	trivyVuln = names{id: list("VulnerabilityID"), severity: list("Severity"), pkg: list("PkgName"), version: list("InstalledVersion"), fixed: list("FixedVersion"),
		path: list("PkgPath"), title: list("Title"), text: list("Description"), link: list("PrimaryURL")}
	trivyConf    = names{id: list("ID", "AVDID"), severity: list("Severity"), status: list("Status"), title: list("Title"), text: list("Message", "Description"), link: list("PrimaryURL"), kind: list("Type")}
	trivySecret  = names{id: list("RuleID"), severity: list("Severity"), title: list("Title"), kind: list("Category")}
	trivyLicense = names{id: list("Name"), severity: list("Severity"), pkg: list("PkgName"), path: list("FilePath"), kind: list("Category"), link: list("Link")}

	operatorVuln = names{id: list("vulnerabilityID"), severity: list("severity"), score: list("score"), pkg: list("resource"), version: list("installedVersion"), fixed: list("fixedVersion"),
		kind: list("packageType", "class"), path: list("packagePath"), title: list("title"), text: list("description"), link: list("primaryLink")}
	operatorCheck  = names{id: list("checkID", "id"), severity: list("severity"), status: list("success"), title: list("title", "name"), text: list("messages", "description"), kind: list("category")}
	operatorSecret = names{id: list("ruleID"), severity: list("severity"), title: list("title"), kind: list("category"), path: list("target")}

	clairVuln = names{id: list("vulnerability", "Name", "name"), severity: list("severity", "Severity", "normalized_severity"), pkg: list("featurename", "FeatureName"), version: list("featureversion", "FeatureVersion"),
		fixed: list("fixedby", "FixedBy", "fixed_in_version"), kind: list("namespace", "NamespaceName"), text: list("description", "Description"), link: list("link", "Link", "links")}
	grypeVuln = names{id: list("id"), severity: list("severity"), text: list("description"), link: list("dataSource")}
	aquaVuln  = names{id: list("name"), severity: list("aqua_severity", "nvd_severity_v3", "vendor_severity_v3", "nvd_severity", "vendor_severity", "severity"), score: list("aqua_score", "nvd_score_v3", "vendor_score_v3", "nvd_score", "vendor_score", "score"),
		pkg: list("file"), fixed: list("fix_version"), text: list("description"), title: list("solution"), link: list("nvd_url", "vendor_url", "url"), kind: list("type")}
	prismaVuln = names{id: list("id", "cve"), severity: list("severity"), score: list("cvss"), pkg: list("packageName"), version: list("packageVersion"), fixed: list("status"), path: list("packagePath"), text: list("description"), link: list("link")}
	prismaConf = names{id: list("id"), severity: list("severity"), title: list("title"), text: list("description"), kind: list("category")}
	harborVuln = names{id: list("id"), severity: list("severity"), pkg: list("package"), version: list("version"), fixed: list("fix_version"), text: list("description"), link: list("links")}
	xrayVuln   = names{id: list("issue_id", "id"), severity: list("severity"), score: list("cvss3_max_score", "cvss2_max_score"), pkg: list("vulnerable_component", "component"), fixed: list("fixed_versions"), kind: list("package_type", "issue_type"),
		path: list("path"), title: list("summary"), text: list("description"), link: list("references")}
	vectorVuln = names{id: list("name"), severity: list("severity"), score: list("score_v3", "score"), pkg: list("package_name"), version: list("package_version"), fixed: list("fixed_version"), text: list("description"), link: list("link")}
	vectorConf = names{id: list("test_number"), status: list("level"), title: list("description"), text: list("remediation"), kind: list("category", "catalog")}
	sysdigVuln = names{id: list("name"), severity: list("severity"), fixed: list("fixedInVersion", "fixVersion"), link: list("link")}
	benchTest  = names{id: list("test_number"), status: list("status"), title: list("test_desc"), text: list("remediation"), kind: list("type")}
	kubeaudit  = names{id: list("AuditResultName"), severity: list("level"), title: list("msg")}
)
