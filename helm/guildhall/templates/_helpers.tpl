{{/*
Gives the settings that were left empty their defaults. Helm drops a section whose children are all commented out (`model:`)
together with its defaults, and the templates then find nothing where they expect a section. Each template calls this first,
because Helm does not say which one it renders first.
*/}}
{{- define "guildhall.defaults" -}}
{{- range $path, $default := .Files.Get "files/defaults.yaml" | fromYaml }}
{{- $section := $.Values }}
{{- range initial (splitList "." $path) }}
{{- if kindIs "invalid" (index $section .) }}
{{- $_ := set $section . dict }}
{{- end }}
{{- $section = index $section . }}
{{- end }}
{{- $name := last (splitList "." $path) }}
{{- if kindIs "invalid" (index $section $name) }}
{{- $_ := set $section $name $default }}
{{- end }}
{{- end }}
{{- end }}

{{- define "guildhall.fullname" -}}
{{- required "fullnameOverride is empty; leave it out, or name it: --set fullnameOverride=guildhall" .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* The name of a cluster-wide object: two releases in two namespaces must not collide. */}}
{{- define "guildhall.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "guildhall.fullname" .) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "guildhall.labels" -}}
app.kubernetes.io/name: guildhall
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* What selectors and Services match. Call with a component, e.g. "operator". */}}
{{- define "guildhall.selector" -}}
app.kubernetes.io/name: guildhall
app.kubernetes.io/component: {{ . }}
{{- end }}

{{- /* An image of the images block. Call with (list $ "operator"). */}}
{{- define "guildhall.image" -}}
{{- $root := index . 0 }}
{{- $image := get $root.Values.images (index . 1) }}
{{- $registry := default $image.registry $root.Values.global.imageRegistry }}
{{- $tag := default $root.Chart.AppVersion $image.tag }}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end }}{{ $image.repository }}:{{ $tag }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "guildhall.imagePullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Security of every Pod: Pod Security Standard "restricted". Call with the user of the image. */}}
{{- define "guildhall.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: 10000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "guildhall.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Where Pods of a component may run. Call with its values. */}}
{{- define "guildhall.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Address of a Service of this release. Call with (list $ "forge" 8080). */}}
{{- define "guildhall.url" -}}
{{- $root := index . 0 }}
{{- printf "http://%s-%s.%s.svc:%v" (include "guildhall.fullname" $root) (index . 1) $root.Release.Namespace (index . 2) }}
{{- end }}

{{- /* The volume claim of a StatefulSet named "data". Call with (list $ .Values.forge.persistence). */}}
{{- define "guildhall.claimTemplate" -}}
{{- $root := index . 0 }}
{{- $volume := index . 1 }}
{{- if and $volume.enabled (not $volume.existingClaim) }}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: Retain
  whenScaled: Retain
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with $volume.storageClass }}
      storageClassName: {{ . | quote }}
      {{- end }}
      resources:
        requests:
          storage: {{ $volume.size }}
{{- end }}
{{- end }}

{{- /* The volume "data" when no claim template makes it. Call with the persistence values. */}}
{{- define "guildhall.dataVolume" -}}
{{- if .existingClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .existingClaim | quote }}
{{- else if not .enabled }}
- name: data
  emptyDir: {}
{{- end }}
{{- end }}

{{/*
Names of our kinds for a role, as a YAML list. `people` chooses those that people may write, delete or view; without it all
are meant. `suffix` is appended to each, e.g. "/status".
*/}}
{{- define "guildhall.kinds" -}}
{{- $names := list }}
{{- range (.root.Files.Get "files/kinds.yaml" | fromYaml).kinds }}
{{- if or (not $.people) (eq .people $.people) }}
{{- $names = append $names (printf "%s%s" .plural ($.suffix | default "")) }}
{{- end }}
{{- end }}
{{- toJson $names }}
{{- end }}
